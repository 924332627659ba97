/* Keys that nothing is made of: what was meant. */
#include "ignition/config/hint_priv.h"
#include <errno.h>
#include <string.h>
#include "base/buf.h"
#include "base/cleanup.h"
#include "base/fold.h"
#include "base/suggest.h"
#include "ignition/config/types_gen.h"

#define BUTANE   "this is a key of Butane, which must be translated first (butane --strict FILE)"
#define CLC      "this is a key of Container Linux Configs: write a Butane config and translate it"
#define CLOUD    "cloud-config had it; "
#define DIRECTLY "spec 2 had it; since spec 3 its members are written directly in the "

/* Keys of other formats and of older versions. in: names of descriptions (schemas), NULL: anywhere. */
static const struct known_key {
	const char *key, *in, *hint;
} known_keys[] = {
	{ "variant", "ign_config", BUTANE },
	{ "version", "ign_config", "the version belongs in the object ignition" },
	{ "ignitionVersion", "ign_config",
	  "spec 1 had it; since spec 2 it is \"version\" in the object ignition" },
	{ "networkd", "ign_config",
	  "spec 2 had it; since spec 3 a networkd unit is a file: /etc/systemd/network/NAME in storage.files" },
	{ "boot_device", "ign_config", BUTANE },
	{ "grub", "ign_config", BUTANE },
	{ "metadata", "ign_config", BUTANE },
	{ "openshift", "ign_config", BUTANE },
	{ "etcd", "ign_config", CLC },
	{ "flannel", "ign_config", CLC },
	{ "docker", "ign_config", CLC },
	{ "update", "ign_config", CLC },
	{ "locksmith", "ign_config", CLC },
	{ "hostname", "ign_config", CLOUD "here it is a file: /etc/hostname in storage.files" },
	{ "timezone", "ign_config", CLOUD "here it is a link: /etc/localtime in storage.links" },
	{ "write_files", "ign_config", CLOUD "here it is storage.files" },
	{ "runcmd", "ign_config", CLOUD "here commands are units, in systemd.units" },
	{ "bootcmd", "ign_config", CLOUD "here commands are units, in systemd.units" },
	{ "packages", "ign_config", CLOUD "Ignition does not install packages; a unit can" },
	{ "trees", "ign_storage", BUTANE },
	{ "dirs", "ign_storage", "write \"directories\"" },
	{ "inline", "ign_resource", "this is Butane; here it is a source: \"source\": \"data:,...\"" },
	{ "local", "ign_resource", BUTANE ", since it reads a file where it is translated" },
	{ "contents_local", "ign_unit ign_dropin", BUTANE },
	{ "with_mount_unit", "ign_filesystem",
	  "this is Butane; here a mount unit is written in systemd.units" },
	{ "url", "ign_resource", "write \"source\"" },
	{ "source", "ign_link", "what a link leads to is its \"target\"" },
	{ "append", "ign_ignition_config", "spec 2 had it; since spec 3 it is \"merge\"" },
	{ "filesystem", "ign_file ign_directory ign_link",
	  "spec 2 had it; since spec 3 the path begins with where the file system is mounted" },
	{ "uid", "ign_file ign_directory ign_link", "write \"user\": {\"id\": ...}" },
	{ "gid", "ign_file ign_directory ign_link", "write \"group\": {\"id\": ...}" },
	{ "owner", "ign_file ign_directory ign_link",
	  "write \"user\": {\"name\": ...} and \"group\": {\"name\": ...}" },
	{ "permissions", "ign_file ign_directory", "write \"mode\", a decimal number: 420 is 0644" },
	{ "defaultMode", "ign_file ign_directory", "write \"mode\", a decimal number: 420 is 0644" },
	{ "encoding", "ign_file ign_resource", "an encoding is part of the source: \"data:;base64,...\"" },
	{ "size", "ign_partition", "spec 2 had it, in sectors; since spec 3 it is \"sizeMiB\", in MiB" },
	{ "start", "ign_partition", "spec 2 had it, in sectors; since spec 3 it is \"startMiB\", in MiB" },
	{ "mount", "ign_filesystem", DIRECTLY "file system: \"device\", \"format\", \"wipeFilesystem\"" },
	{ "create", "ign_filesystem",
	  "spec 2 had it; since spec 3 \"format\" creates it, and \"wipeFilesystem\": true replaces "
	  "what is there" },
	{ "force", "ign_filesystem", "write \"wipeFilesystem\": true" },
	{ "name", "ign_filesystem",
	  "spec 2 named file systems; since spec 3 \"path\" says where it is mounted" },
	{ "files", "ign_filesystem", "spec 1 had them here; since spec 2 files are in storage.files" },
	{ "create", "ign_user", DIRECTLY "user: \"uid\", \"homeDir\", \"groups\" and so on" },
	{ "password", "ign_user", "write \"passwordHash\", made with mkpasswd --method=yescrypt" },
	{ "passwd", "ign_user", CLOUD "here it is \"passwordHash\"" },
	{ "lock_passwd", "ign_user", CLOUD "a user without \"passwordHash\" has no password" },
	{ "sudo", "ign_user", CLOUD "here a file in /etc/sudoers.d says it, or one of \"groups\"" },
	{ "home", "ign_user", "write \"homeDir\"" },
	{ "ssh_keys", "ign_user", "write \"sshAuthorizedKeys\", a list of texts" },
	{ "enable", "ign_unit", "spec 2 had it; since spec 3 it is \"enabled\"" },
	{ "command", "ign_unit", CLOUD "a unit that is \"enabled\" starts at boot" },
	{ "$schema", NULL, "for editors; Ignition does not use it" },
};

static bool has_word(const char *words, const char *word)
{
	size_t n = strlen(word);

	for (const char *p = words; (p = strstr(p, word)); p += n)
		if ((p == words || p[-1] == ' ') && (p[n] == ' ' || !p[n]))
			return true;
	return false;
}

static const char *find_known(const struct cfg_desc *in, const char *key)
{
	for (size_t i = 0; i < ARRAY_SIZE(known_keys); i++) {
		const struct known_key *k = &known_keys[i];

		if (strcmp(k->key, key) == 0 && (!k->in || has_word(k->in, in->name)))
			return k->hint;
	}
	return NULL;
}

/* The same word in another case or, as Butane has it, in snake case. */
static const struct cfg_field *field_alike(const struct cfg_desc *in, const char *key)
{
	for (size_t i = 0; i < in->n_fields; i++)
		if (suggest_same_word(in->fields[i].key, key) || fold_equal(in->fields[i].key, key))
			return &in->fields[i];
	return NULL;
}

static int say_since(const struct hint *h, const struct cfg_field *f)
{
	return hint_say(h, "\"%s\" came with version %u.%u.0%s: raise ignition.version from %u.%u.0", f->key,
			h->source->major, f->since,
			h->source->major == 3 && f->since > 6 ? "-experimental" : "", h->source->major,
			h->source->minor);
}

/* The member of in that is an object, or else a list of objects, with this key: "contents", "partitions". */
static const struct cfg_field *child_with(const struct cfg_desc *in, const char *key, unsigned minor)
{
	const struct cfg_field *list = NULL;

	for (size_t i = 0; i < in->n_fields; i++) {
		const struct cfg_field *f = &in->fields[i],
				       *g = f->sub ? hint_field_named(f->sub, key) : NULL;

		if (!g || f->since > minor || g->since > minor)
			continue;
		if (f->kind == CFG_OBJ)
			return f;
		list = list ? list : f;
	}
	return list;
}

/* "hash" in a file: its place is two levels down. */
static int say_grandchild(const struct hint *h, const char *key)
{
	for (size_t i = 0; i < h->in->n_fields; i++) {
		const struct cfg_field *f = &h->in->fields[i], *g = NULL;

		if (f->kind == CFG_OBJ && f->since <= h->source->minor)
			g = child_with(f->sub, key, h->source->minor);
		if (g && g->kind == CFG_OBJ)
			return hint_say(h, "\"%s\" belongs in \"%s\" of \"%s\"", key, g->key, f->key);
	}
	return 0;
}

/* How many levels above the key's object another one has it: 1 is the object around it. 0: none. */
static unsigned levels_up(const struct hint *h, const char *key)
{
	unsigned up = 0;

	for (const struct cfg_path *p = h->finding->path->up; p; p = p->up) {
		const struct cfg_desc *in;
		const struct cfg_field *f;
		bool entry;

		if (!p->key || !hint_lookup(h->source->desc, p, &in, &f, &entry))
			continue;
		up++;
		f = hint_field_named(in, key);
		if (f && f->since <= h->source->minor)
			return up;
	}
	return 0;
}

enum { DEPTH_MAX = 8 };

struct search {
	const char *key;
	unsigned minor, found;
	const char *at[DEPTH_MAX]; /* the keys on the way */
	unsigned depth;
	struct buf text; /* of the first place found */
};

static void search_in(struct search *s, const struct cfg_desc *in)
{
	for (size_t i = 0; i < in->n_fields; i++) {
		const struct cfg_field *f = &in->fields[i];

		if (f->since > s->minor)
			continue;
		if (strcmp(f->key, s->key) == 0 && s->found++ == 0)
			for (unsigned k = 0; k < s->depth; k++)
				(void)buf_printf(&s->text, "%s%s", k ? "." : "", s->at[k]);
		if (!f->sub || s->depth == DEPTH_MAX)
			continue;
		s->at[s->depth++] = f->key;
		search_in(s, f->sub);
		s->depth--;
	}
}

/* A key that belongs to one other object only, wherever that is. */
static int say_elsewhere(const struct hint *h, const char *key)
{
	struct search s = { .key = key, .minor = h->source->minor };
	int r = 0;

	search_in(&s, h->source->desc);
	if (s.found == 1 && s.text.n)
		r = hint_say(h, "\"%s\" belongs in %s", key, s.text.p);
	else if (s.found == 1)
		r = hint_say(h, "\"%s\" belongs to the top of the document", key);
	buf_done(&s.text);
	return r;
}

/* For a document of an older family: what the newest one has at the same place. */
static int say_newer_family(const struct hint *h, const char *key)
{
	const struct cfg_desc *in;
	const struct cfg_field *f;
	bool entry;

	if (h->source->major >= 3 || !hint_lookup(&ign_config_desc, h->finding->path, &in, &f, &entry) || !f)
		return 0;
	return hint_say(h, "\"%s\" came with version 3.%u.0; this config is of version %u.%u.0", key,
			f->since, h->source->major, h->source->minor);
}

int hint_unused(const struct hint *h)
{
	const char *key = hint_key_name(h), *text;
	const struct cfg_field *f;
	unsigned up;
	int r;

	if (!h->in)
		return 0;
	f = hint_field_named(h->in, key);
	if (f) /* exactly this name, so the version is what is wrong */
		return f->since > h->source->minor ? say_since(h, f) : 0;
	text = find_known(h->in, key);
	if (text)
		return hint_say(h, "%s", text);
	f = field_alike(h->in, key);
	if (f && f->since > h->source->minor)
		return say_since(h, f);
	if (f && strchr(key, '_'))
		return hint_say(h, "this is Butane's spelling; here it is \"%s\"", f->key);
	if (f && strchr(key, '-'))
		return hint_say(h, "write \"%s\"", f->key);
	if (f)
		return hint_say(h, "write \"%s\": it is used here, but other programs may look at the case",
				f->key);
	f = child_with(h->in, key, h->source->minor);
	if (f)
		return hint_say(h, "\"%s\" belongs in %s\"%s\"", key,
				f->kind == CFG_LIST ? "an entry of " : "", f->key);
	f = suggest_field(h->in, key, h->source->minor);
	if (f)
		return hint_say(h, "did you mean \"%s\"?", f->key);
	f = suggest_field(h->in, key, UINT8_MAX);
	if (f)
		return hint_say(h, "did you mean \"%s\"? It came with version %u.%u.0", f->key,
				h->source->major, f->since);
	r = say_newer_family(h, key);
	if (r == 0)
		r = say_grandchild(h, key);
	if (r < 0 || h->finding->hint)
		return r;
	up = levels_up(h, key);
	if (up)
		return hint_say(h, "\"%s\" belongs to the object %s", key,
				up == 1 ? "around this one" : "further out");
	return say_elsewhere(h, key);
}
