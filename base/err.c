#include "base/err.h"
#include <stdarg.h>
#include <stdio.h>
#include <string.h>

static const char *code_text(int code)
{
	const char *s = strerrordesc_np(code);

	return s ? s : "unknown error";
}

int err_errno(struct err *e, int code, const char *fmt, ...)
{
	va_list ap;
	int n;

	if (!e)
		return -code;
	va_start(ap, fmt);
	n = vsnprintf(e->text, sizeof e->text, fmt, ap);
	va_end(ap);
	if (n >= 0 && (size_t)n < sizeof e->text)
		snprintf(e->text + n, sizeof e->text - (size_t)n, ": %s", code_text(code));
	e->code = code;
	return -code;
}

int err_text(struct err *e, int code, const char *fmt, ...)
{
	va_list ap;

	if (!e)
		return -code;
	va_start(ap, fmt);
	(void)vsnprintf(e->text, sizeof e->text, fmt, ap);
	va_end(ap);
	e->code = code;
	return -code;
}

int err_wrap(struct err *e, int ret, const char *fmt, ...)
{
	char head[512];
	size_t keep, room, len;
	va_list ap;

	if (!e)
		return ret;
	va_start(ap, fmt);
	(void)vsnprintf(head, sizeof head, fmt, ap);
	va_end(ap);
	if (e->code == 0) { /* the callee said nothing: the code is all there is */
		e->code = -ret;
		snprintf(e->text, sizeof e->text, "%s", code_text(-ret));
	}
	len = strlen(head);
	room = sizeof e->text - len - sizeof ": ";
	keep = strlen(e->text);
	if (keep > room)
		keep = room;
	memmove(e->text + len + 2, e->text, keep);
	memcpy(e->text, head, len);
	memcpy(e->text + len, ": ", 2);
	e->text[len + 2 + keep] = '\0';
	return ret;
}
