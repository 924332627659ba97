/*
 * Tells the service manager how start-up goes: the sd_notify(3) protocol, one datagram per call to
 * the socket named by $NOTIFY_SOCKET ("/path" or "@abstract"). Owns nothing between calls.
 */
#pragma once

/*
 * state is "READY=1", "STATUS=waiting for etcd", or several of them separated by newlines. Returns
 * 1 when it was sent, 0 when there is no service manager to tell, -errno otherwise. Waits at most
 * two seconds for a manager that does not read its socket.
 */
int notify_send(const char *state);

/* notify_send("STATUS=<text>"); a status is a courtesy, so its failure is only logged at debug. */
void notify_status(const char *fmt, ...) __attribute__((format(printf, 1, 2)));
