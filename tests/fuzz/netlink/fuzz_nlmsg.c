/* Messages as a dump or a multicast group would deliver them; the first byte chooses the bus. */
#include "netlink/monitor.h"
#include <linux/netlink.h>
#include <stdlib.h>
#include <string.h>

int LLVMFuzzerTestOneInput(const uint8_t *data, size_t size);

static int touch(void *ctx, const struct monitor_event *ev)
{
	char text[IPNET_STRLEN];
	size_t *sum = ctx;

	if (ev->kind == MONITOR_LINK)
		*sum += strlen(ev->link.name) + strlen(ev->link.kind);
	else if (ev->kind == MONITOR_ADDR)
		*sum += strlen(ipnet_format(&ev->addr.local, text));
	else if (ev->kind == MONITOR_ROUTE)
		*sum += strlen(ipnet_format(&ev->route.dst, text));
	else if (ev->kind == MONITOR_NFT)
		*sum += strlen(ev->nft.table);
	return 0;
}

int LLVMFuzzerTestOneInput(const uint8_t *data, size_t size)
{
	size_t sum = 0;

	if (size < 1)
		return 0;
	/* an allocation of exactly the size, so that one byte too far is seen; aligned as a receive buffer */
	uint8_t *copy = malloc(size - 1 + (size == 1));
	if (!copy)
		return 0;
	memcpy(copy, data + 1, size - 1);
	(void)monitor_parse(data[0] & 1 ? NETLINK_NETFILTER : NETLINK_ROUTE, copy, size - 1, touch, &sum);
	free(copy);
	return sum == (size_t)-1;
}
