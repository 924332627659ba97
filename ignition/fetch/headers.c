#include "ignition/fetch/headers.h"
#include <ctype.h>
#include <errno.h>
#include <stdio.h>
#include <string.h>
#include "base/arena.h"
#include "base/err.h"
#include "ignition/config/config.h"

enum { DEFAULTS = 3 };

static bool is_token(const char *s)
{
	for (; *s; s++)
		if (!isalnum((unsigned char)*s) && !strchr("!#$%&'*+-.^_`|~", *s))
			return false;
	return true;
}

/* A name that is no token stays as it is; the HTTP layer refuses it. */
static char *canonical(const char *name, struct arena *a)
{
	char *s = arena_strdup(a, name);
	bool start = true;

	for (char *p = s; s && is_token(name) && *p; p++) {
		*p = (char)(start ? toupper((unsigned char)*p) : tolower((unsigned char)*p));
		start = *p == '-';
	}
	return s;
}

int headers_set(struct header_list *l, const char *name, const char *value, struct arena *a, struct err *e)
{
	struct http_header h = { .name = canonical(name, a) };
	size_t i = 0;

	if (!value)
		return err_text(e, EINVAL, "unable to parse HTTP header: \"%.100s\" has no value", name);
	h.value = arena_strdup(a, value);
	if (!h.name || !h.value)
		return err_errno(e, ENOMEM, "preparing the request headers");
	while (i < l->n && strcmp(l->v[i].name, h.name) != 0)
		i++;
	if (i == l->cap)
		return err_errno(e, ENOSPC, "preparing the request headers");
	l->v[i] = h;
	if (i == l->n)
		l->n++;
	return 0;
}

int headers_defaults(struct header_list *l, size_t more, struct arena *a, struct err *e)
{
	char accept[96];
	int r;

	snprintf(accept, sizeof accept, "application/vnd.coreos.ignition+json;version=3.%d.0, */*;q=0.1",
		 IGN_MINOR_STABLE);
	*l = (struct header_list){ .cap = DEFAULTS + more };
	l->v = arena_alloc(a, l->cap * sizeof *l->v);
	if (!l->v)
		return err_errno(e, ENOMEM, "preparing the request headers");
	r = headers_set(l, "User-Agent", "Ignition/" HEARTH_VERSION, a, e);
	if (r == 0)
		r = headers_set(l, "Accept", accept, a, e);
	if (r == 0)
		r = headers_set(l, "Accept-Encoding", "identity", a, e);
	return r;
}
