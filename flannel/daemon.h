/*
 * flanneld itself: from the options to a node that is part of the overlay, and then for ever equal
 * to the leases. Start-up is a chain of callbacks on one loop: network configuration, interface,
 * device, lease, rules, subnet.env, readiness. A signal ends it at any point of that chain and
 * leaves everything in place.
 */
#pragma once
#include <stdbool.h>
#include "flannel/iface.h"
#include "flannel/subnet.h"

struct err;

struct daemon_options {
	struct subnet_etcd_options etcd;
	struct iface_options iface; /* the families are taken from the network configuration */
	const char *subnet_file;
	const char *healthz_ip;
	unsigned healthz_port; /* 0 = no server */
	bool ip_masq, random_fully, forward_rules;
	unsigned resync_s; /* rules are compared at least this often */
};

/*
 * Runs until SIGTERM or SIGINT (0), or until it cannot go on (-errno with the story). Logs what it
 * does and what it waits for.
 */
int daemon_run(const struct daemon_options *o, struct err *e);
