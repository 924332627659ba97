# bash completion for ignition, ignition-validate, ignition-apply and flanneld. The options come from the program's
# own -help, so they are those of the installed version.
_hearth() {
	local word=${COMP_WORDS[COMP_CWORD]} before=${COMP_WORDS[COMP_CWORD - 1]} program=${COMP_WORDS[0]} help
	COMPREPLY=()
	help=$("$program" -help 2>&1) || return 0
	case ${before#-} in
	-platform | platform) mapfile -t COMPREPLY < <(compgen -W "$(sed -n 's/^Platforms://p' <<<"$help")" -- "$word") ;;
	-stage | stage) mapfile -t COMPREPLY < <(compgen -W "$(sed -n 's/^Stages://p' <<<"$help")" -- "$word") ;;
	-format | format) mapfile -t COMPREPLY < <(compgen -W "$(sed -n "/^  -format /,/^  -/s/^ *one of: //p" <<<"$help")" -- "$word") ;;
	*)
		if [[ $word == -* ]]; then
			local dash=-
			[[ $word == --* || $help == *$'\n  --help\n'* ]] && dash=--
			mapfile -t COMPREPLY < <(compgen -W "$(sed -nE "s/^ +--?([a-z][a-z0-9_-]*).*/$dash\1/p" <<<"$help")" -- "$word")
		else
			compopt -o default
		fi
		;;
	esac
}
complete -F _hearth ignition ignition-validate ignition-apply flanneld
