#include "ignition/files/account.h"
#include "base/arena.h"
#include "base/buf.h"
#include "base/cleanup.h"
#include "base/err.h"
#include "base/root.h"
#include <stdint.h>
#include <string.h>

enum { MAX_FIELDS = 7 };

/* Ids are 32 bits; the last value means "none" to the kernel. */
static bool parse_id(const char *s, uint32_t *ret)
{
	uint64_t v = 0;

	if (!*s)
		return false;
	for (; *s; s++) {
		if (*s < '0' || *s > '9')
			return false;
		v = v * 10 + (uint64_t)(*s - '0');
		if (v >= UINT32_MAX)
			return false;
	}
	*ret = (uint32_t)v;
	return true;
}

/* Cuts a line at its colons in place; returns how many fields there are. */
static size_t split(char *line, char *field[MAX_FIELDS])
{
	size_t n = 0;

	for (char *p = line; p && n < MAX_FIELDS; n++) {
		field[n] = p;
		p = strchr(p, ':');
		if (p)
			*p++ = '\0';
	}
	return n;
}

/* Doubles a list in the arena; the old copy stays there until the arena goes. */
static int grow(struct arena *a, void *list, size_t n, size_t *cap, size_t size)
{
	void **v = list;
	size_t more = *cap ? *cap * 2 : 64;
	void *p;

	if (n < *cap)
		return 0;
	p = arena_alloc(a, more * size);
	if (!p)
		return -ENOMEM;
	if (n)
		memcpy(p, *v, n * size);
	*v = p;
	*cap = more;
	return 0;
}

static int add_user(char *field[MAX_FIELDS], size_t n, const char *line, bool in_etc, struct arena *a,
		    struct account_db *db)
{
	struct account_user u = { .name = field[0], .in_etc = in_etc, .line = line };
	int r;

	if (n < 7 || !parse_id(field[2], &u.uid) || !parse_id(field[3], &u.gid))
		return 0;
	u.home = field[5];
	r = grow(a, &db->users.v, db->users.n, &db->users.cap, sizeof u);
	if (r == 0)
		db->users.v[db->users.n++] = u;
	return r;
}

static int add_group(char *field[MAX_FIELDS], size_t n, const char *line, bool in_etc, struct arena *a,
		     struct account_db *db)
{
	struct account_group g = { .name = field[0], .in_etc = in_etc, .line = line };
	int r;

	if (n < 3 || !parse_id(field[2], &g.gid))
		return 0;
	r = grow(a, &db->groups.v, db->groups.n, &db->groups.cap, sizeof g);
	if (r == 0)
		db->groups.v[db->groups.n++] = g;
	return r;
}

typedef int (*add_fn)(char *field[MAX_FIELDS], size_t n, const char *line, bool in_etc, struct arena *a,
		      struct account_db *db);

static int parse(const char *text, size_t n, add_fn add, bool in_etc, struct arena *a, struct account_db *db)
{
	const char *end = text + n;

	while (text < end) {
		const char *nl = memchr(text, '\n', (size_t)(end - text));
		size_t len = (size_t)((nl ? nl : end) - text);
		char *field[MAX_FIELDS] = { NULL }, *line, *cut;
		size_t n_fields;
		int r;

		if (len > 0 && !memchr(text, '\0', len) && !strchr("#+-:", *text)) {
			line = arena_strndup(a, text, len);
			cut = arena_strndup(a, text, len);
			if (!line || !cut)
				return -ENOMEM;
			n_fields = split(cut, field);
			r = add(field, n_fields, line, in_etc, a, db);
			if (r < 0)
				return r;
		}
		text += len + 1;
	}
	return 0;
}

int account_parse_passwd(const char *text, size_t n, bool in_etc, struct arena *a, struct account_db *db)
{
	return parse(text, n, add_user, in_etc, a, db);
}

int account_parse_group(const char *text, size_t n, bool in_etc, struct arena *a, struct account_db *db)
{
	return parse(text, n, add_group, in_etc, a, db);
}

int account_load(const struct root *root, struct arena *a, struct account_db *ret, struct err *e)
{
	static const struct {
		const char *path;
		add_fn add;
		bool in_etc;
	} files[] = {
		{ "/etc/passwd", add_user, true },
		{ "/usr/lib/passwd", add_user, false },
		{ "/etc/group", add_group, true },
		{ "/usr/lib/group", add_group, false },
	};
	struct account_db db = { 0 };

	for (size_t i = 0; i < ARRAY_SIZE(files); i++) {
		CLEANUP(buf_done) struct buf text = BUF_INIT(.max = ACCOUNT_FILE_MAX);
		struct err why = { 0 };
		int r = root_read_file(root, files[i].path, &text, &why);

		if (r == -ENOENT)
			continue;
		if (r == 0)
			r = parse(buf_str(&text), text.n, files[i].add, files[i].in_etc, a, &db);
		if (r < 0) {
			if (e)
				*e = why;
			return err_wrap(e, r, "reading the target's accounts");
		}
	}
	*ret = db;
	return 0;
}

const struct account_user *account_user(const struct account_db *db, const char *name)
{
	for (size_t i = 0; i < db->users.n; i++)
		if (!strcmp(db->users.v[i].name, name))
			return &db->users.v[i];
	return NULL;
}

const struct account_group *account_group(const struct account_db *db, const char *name)
{
	for (size_t i = 0; i < db->groups.n; i++)
		if (!strcmp(db->groups.v[i].name, name))
			return &db->groups.v[i];
	return NULL;
}
