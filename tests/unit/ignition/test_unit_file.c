/* The grammar of unit files (reference C.5). */
#include "ignition/config/unit_file.h"
#include "base/cleanup.h"
#include <errno.h>
#include <setjmp.h>
#include <stdarg.h>
#include <stdint.h>
#include <string.h>
#include <cmocka.h>

static void units_are_accepted_or_refused_as_upstream_does(void **state)
{
	static const struct {
		const char *text;
		bool install;
		const char *why; /* NULL: accepted */
	} cases[] = {
		{ "", false, NULL },
		{ "anything = goes\nbefore a section", false, NULL },
		{ "[Install]\nWantedBy=x\n", true, NULL },
		{ "[Install]", false, NULL },
		{ "[Install]\n", false, NULL },
		{ "[install]\nA=b", false, NULL },
		{ "[ Install]\nA=b", false, NULL },
		{ "[Unit]\nA=b\n[Install]\n[X]\nA=b", false, NULL },
		{ "[Unit]\nA=b\n\n  [Install]  \r\n  Alias = y", true, NULL },
		{ "text [Install]\nA=b", true, NULL },
		{ "[Uni\nt]\nA=b", false, NULL },
		{ "[A]\nB=\n=\nC", false, "EOF" },
		{ "[A]\nB=c\n=", false, NULL },
		{ "[A]\nB=c\\\n[Install]\nD=e\n", false, NULL },  /* the section is part of the value */
		{ "[A]\nB=c\\\n\n[Install]\nD=e\n", true, NULL }, /* a blank line ends it */
		{ "[A]\nB=c\\", false, NULL },
		{ "[A]\n# c\\\nnot an option\nB=c", false, NULL }, /* so goes a comment on */
		{ "[A]\n; c\\ \nnot an option\nB=c", false, NULL },
		{ "[A]\n# c\\  \nnot an option\nB=c", false,
		  "unexpected newline encountered while parsing option name" },
		{ "#[A\n;[B\n", false, NULL },
		{ "[A", false, "unable to find end of section" },
		{ "[", false, "unable to find end of section" },
		{ "[A] b\n", false, "found garbage after section name : \"b\"" },
		{ "[A] \t # no \n", false, "found garbage after section name : \"# no\"" },
		{ "[A] \"b\\c\" \n", false, "found garbage after section name : \"\\\"b\\\\c\\\"\"" },
		{ "[A]\xe2\x80\x8b\n", false, "found garbage after section name : \"\xe2\x80\x8b\"" },
		{ "[A]\xe2\x80\x80\xe2\x80\x8a\n", false, NULL }, /* the first and the last of those spaces */
		{ "[A]\xc2\xa0\xe2\x80\x83 \n\xe3\x80\x80"
		  "B=c",
		  false, NULL },
		{ "[Install]\n\xc2\x85\xe2\x80\xa8\xc2\xa0\n", false, NULL },
		{ "\xc2\x85[Install]\nA=b", true, NULL },
		{ "[A]\nB\n", false, "unexpected newline encountered while parsing option name" },
		{ "[A]\nB\rC=d", false, "unexpected newline encountered while parsing option name" },
		{ "[A]\nB", false, "EOF" },
	};

	(void)state;
	for (size_t i = 0; i < ARRAY_SIZE(cases); i++) {
		char why[160] = "";
		bool install = false;
		int r = unit_file_check(cases[i].text, &install, why, sizeof why);

		if (r != (cases[i].why ? -EBADMSG : 0) ||
		    strcmp(why, cases[i].why ? cases[i].why : "") != 0 ||
		    (r == 0 && install != cases[i].install))
			fail_msg("%s: %d \"%s\" install %d", cases[i].text, r, why, install);
	}
}

static void long_lines_are_fine_wherever_they_begin(void **state)
{
	static char text[16384];
	bool install;
	char why[160];

	(void)state;
	memset(text, 'x', sizeof text - 1);
	memcpy(text, "[Install]\nA=", 12);
	assert_int_equal(unit_file_check(text, &install, why, sizeof why), 0);
	assert_true(install);
}

int main(void)
{
	const struct CMUnitTest tests[] = {
		cmocka_unit_test(units_are_accepted_or_refused_as_upstream_does),
		cmocka_unit_test(long_lines_are_fine_wherever_they_begin),
	};

	return cmocka_run_group_tests(tests, NULL, NULL);
}
