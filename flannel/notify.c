#include "flannel/notify.h"

#include <stdarg.h>
#include <stddef.h>
#include <string.h>
#include <sys/socket.h>
#include <sys/time.h>
#include <sys/un.h>

#include "base/cleanup.h"
#include "base/log.h"

enum { SEND_TIMEOUT_S = 2 };

int notify_send(const char *state)
{
	const char *path = getenv("NOTIFY_SOCKET");
	struct sockaddr_un sa = { .sun_family = AF_UNIX };
	const struct timeval patience = { .tv_sec = SEND_TIMEOUT_S };
	CLEANUP(closep) int fd = -1;
	size_t n;

	if (!path || !*path)
		return 0;
	n = strlen(path);
	if (*path != '/' && *path != '@')
		return -EAFNOSUPPORT;
	if (n >= sizeof(sa.sun_path))
		return -ENAMETOOLONG;
	memcpy(sa.sun_path, path, n);
	/* An abstract name starts with NUL and has no terminator: its length says where it ends. */
	if (*path == '@')
		sa.sun_path[0] = '\0';
	else
		n++;

	fd = socket(AF_UNIX, SOCK_DGRAM | SOCK_CLOEXEC, 0);
	if (fd < 0)
		return -errno;
	(void)setsockopt(fd, SOL_SOCKET, SO_SNDTIMEO, &patience, sizeof(patience));
	if (sendto(fd, state, strlen(state), MSG_NOSIGNAL, (const struct sockaddr *)&sa,
		   (socklen_t)(offsetof(struct sockaddr_un, sun_path) + n)) < 0)
		return -errno;
	return 1;
}

void notify_status(const char *fmt, ...)
{
	char text[512] = "STATUS=";
	size_t used = strlen(text);
	va_list ap;
	int r;

	va_start(ap, fmt);
	(void)vsnprintf(text + used, sizeof(text) - used, fmt, ap);
	va_end(ap);
	/* A newline would start another assignment of the protocol. */
	for (char *p = text; *p; p++)
		if (*p == '\n')
			*p = ' ';
	r = notify_send(text);
	if (r < 0)
		log_debug("telling the service manager \"%s\": %s", text, strerror(-r));
}
