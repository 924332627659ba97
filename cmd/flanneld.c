/* flanneld: option table and wiring; the work is in flannel/daemon.c. */
#include <signal.h>
#include <stdio.h>
#include <string.h>

#include "base/cleanup.h"
#include "base/err.h"
#include "base/log.h"
#include "base/option.h"
#include "base/stdfd.h"
#include "flannel/daemon.h"

enum { EXIT_RUNTIME = 1, EXIT_USAGE = 2, MINUTES_PER_DAY = 24 * 60 };

struct values {
	const char *endpoints, *prefix, *keyfile, *certfile, *cafile, *username, *password;
	struct option_strings ifaces, regexes;
	const char *can_reach, *public_ip, *public_ip6, *subnet_file;
	long long renew_margin_min, healthz_port, resync_s, verbosity;
	const char *healthz_ip, *vmodule, *backtrace_at;
	bool ip_masq, random_fully_disable, forward_rules, blackhole, version;
	bool kube, kube_set_node;
	const char *kube_api, *kube_prefix, *kube_config, *net_config_path;
};

#define OPT(opt, type, member, fallback, placeholder, text)                                                  \
	{                                                                                                    \
		.name = opt, .kind = type, .offset = offsetof(struct values, member), .def = fallback,       \
		.arg = placeholder, .help = text                                                             \
	}

static const struct option_def defs[] = {
	OPT("etcd-endpoints", OPT_STRING, endpoints, "http://127.0.0.1:4001,http://127.0.0.1:2379", "LIST",
	    "comma-separated etcd URLs"),
	OPT("etcd-prefix", OPT_STRING, prefix, "/coreos.com/network", "KEY", "where the network's keys live"),
	OPT("etcd-keyfile", OPT_STRING, keyfile, "", "PATH", "key of the client certificate"),
	OPT("etcd-certfile", OPT_STRING, certfile, "", "PATH", "client certificate"),
	OPT("etcd-cafile", OPT_STRING, cafile, "", "PATH", "certificate authorities for https endpoints"),
	OPT("etcd-username", OPT_STRING, username, "", "NAME", "user of etcd's own authentication"),
	OPT("etcd-password", OPT_STRING, password, "", "TEXT",
	    "its password; better in FLANNELD_ETCD_PASSWORD"),
	OPT("iface", OPT_STRINGS, ifaces, NULL, "NAME|IP",
	    "interface for traffic between hosts; repeatable, the first that fits is taken"),
	OPT("iface-regex", OPT_STRINGS, regexes, NULL, "REGEX",
	    "the same by a pattern over addresses, then names; repeatable, after -iface"),
	OPT("iface-can-reach", OPT_STRING, can_reach, "", "IP", "the interface through which IP is reached"),
	OPT("public-ip", OPT_STRING, public_ip, "", "IP", "address that other hosts use to reach this one"),
	OPT("public-ipv6", OPT_STRING, public_ip6, "", "IP", "the same for IPv6"),
	OPT("subnet-file", OPT_STRING, subnet_file, "/run/flannel/subnet.env", "PATH",
	    "where the leased subnet is written for container runtimes"),
	OPT("subnet-lease-renew-margin", OPT_INT, renew_margin_min, "60", "MINUTES",
	    "renew the lease this long before it ends, 1 to 1439"),
	OPT("ip-masq", OPT_BOOL, ip_masq, NULL, NULL, "masquerade traffic that leaves the overlay"),
	OPT("ip-masq-fully-random-disable", OPT_BOOL, random_fully_disable, NULL, NULL,
	    "do not ask for fully random source ports"),
	OPT("iptables-forward-rules", OPT_BOOL, forward_rules, "true", NULL,
	    "accept forwarded traffic of the overlay"),
	OPT("iptables-resync", OPT_INT, resync_s, "5", "SECONDS",
	    "compare the rules at least this often (changes are noticed at once)"),
	OPT("ip-blackhole-route", OPT_BOOL, blackhole, NULL, NULL, "accepted, not available in this version"),
	OPT("healthz-ip", OPT_STRING, healthz_ip, "0.0.0.0", "IP", "address of the health server"),
	OPT("healthz-port", OPT_INT, healthz_port, "0", "PORT", "port of the health server; 0 = none"),
	OPT("kube-subnet-mgr", OPT_BOOL, kube, NULL, NULL, "not available in this version: only etcd is"),
	OPT("kube-api-url", OPT_STRING, kube_api, "", "URL", "known for compatibility"),
	OPT("kube-annotation-prefix", OPT_STRING, kube_prefix, "flannel.alpha.coreos.com", "PREFIX",
	    "known for compatibility"),
	OPT("kubeconfig-file", OPT_STRING, kube_config, "", "PATH", "known for compatibility"),
	OPT("net-config-path", OPT_STRING, net_config_path, "/etc/kube-flannel/net-conf.json", "PATH",
	    "known for compatibility"),
	OPT("set-node-network-unavailable", OPT_BOOL, kube_set_node, "true", NULL, "known for compatibility"),
	OPT("v", OPT_INT, verbosity, "0", "LEVEL", "verbosity; 1 and above show debug messages"),
	OPT("vmodule", OPT_STRING, vmodule, "", "PATTERN=N", "known for compatibility, without effect"),
	OPT("log_backtrace_at", OPT_STRING, backtrace_at, "", "FILE:LINE",
	    "known for compatibility, without effect"),
	OPT("version", OPT_BOOL, version, NULL, NULL, "print the version and exit"),
};

static const struct option_set options = {
	.program = "flanneld",
	.usage = "[option]...",
	.intro =
		"Leases a subnet through etcd and keeps this host's part of the overlay equal to all leases.",
	.env_prefix = "FLANNELD",
	.defs = defs,
	.n = ARRAY_SIZE(defs),
};

static void warn(const char *text)
{
	log_warn("%s", text);
}

/* Appends s; a user and password before the host of a URL are left out. */
static size_t put_urls(char *to, size_t room, const char *s)
{
	size_t used = 0;

	while (*s && used + 1 < room) {
		const char *rest = strncmp(s, "://", 3) == 0 ? s + 3 : NULL;
		const char *at = rest ? memrchr(rest, '@', strcspn(rest, "/,")) : NULL;

		if (at) {
			used += (size_t)snprintf(to + used, room - used, "://<redacted>");
			s = at;
			continue;
		}
		to[used++] = *s++;
	}
	if (used < room)
		to[used] = '\0';
	return used;
}

/* One line with everything that was decided here, but for the password. */
static void log_options(const struct values *v)
{
	char text[4096];
	size_t used = 0;

	for (size_t i = 0; i < ARRAY_SIZE(defs) && used < sizeof(text); i++) {
		const void *p = (const char *)v + defs[i].offset;
		const struct option_strings *list = p;
		const char *s;

		used += (size_t)snprintf(text + used, sizeof(text) - used, "%s%s=", i ? " " : "",
					 defs[i].name);
		if (used >= sizeof(text))
			break;
		switch (defs[i].kind) {
		case OPT_BOOL:
			s = *(const bool *)p ? "true" : "false";
			used += (size_t)snprintf(text + used, sizeof(text) - used, "%s", s);
			break;
		case OPT_INT:
		case OPT_DURATION:
			used += (size_t)snprintf(text + used, sizeof(text) - used, "%lld",
						 *(const long long *)p);
			break;
		case OPT_STRINGS:
			for (size_t k = 0; k < list->n && used < sizeof(text); k++)
				used += (size_t)snprintf(text + used, sizeof(text) - used, "%s%s",
							 k ? "," : "", list->v[k]);
			break;
		case OPT_STRING:
		default:
			s = *(const char *const *)p ? *(const char *const *)p : "";
			if (defs[i].offset == offsetof(struct values, password) && *s)
				s = "<redacted>";
			used += put_urls(text + used, sizeof(text) - used, s);
			break;
		}
	}
	log_info("CLI flags config: {%s}", text);
}

static int check(const struct values *v, struct err *e)
{
	if (v->renew_margin_min < 1 || v->renew_margin_min >= MINUTES_PER_DAY)
		return err_text(e, EINVAL,
				"Invalid subnet-lease-renew-margin option, out of acceptable range");
	if (v->healthz_port < 0 || v->healthz_port > 65535)
		return err_text(e, EINVAL, "healthz-port %lld is not a port", v->healthz_port);
	if (v->kube)
		return err_text(
			e, ENOTSUP,
			"Failed to create SubnetManager: the Kubernetes subnet manager is not available "
			"in this version; leave out -kube-subnet-mgr to use etcd");
	return 0;
}

static int run(const struct values *v, struct err *e)
{
	const struct daemon_options o = {
		.etcd = { .endpoints = v->endpoints,
			  .prefix = v->prefix,
			  .cafile = v->cafile,
			  .certfile = v->certfile,
			  .keyfile = v->keyfile,
			  .username = v->username,
			  .password = v->password,
			  .renew_margin_s = (unsigned)v->renew_margin_min * 60 },
		.iface = { .names = v->ifaces.v,
			   .n_names = v->ifaces.n,
			   .regexes = v->regexes.v,
			   .n_regexes = v->regexes.n,
			   .can_reach = v->can_reach,
			   .public_ip = v->public_ip,
			   .public_ip6 = v->public_ip6 },
		.subnet_file = v->subnet_file,
		.healthz_ip = v->healthz_ip,
		.healthz_port = (unsigned)v->healthz_port,
		.ip_masq = v->ip_masq,
		.random_fully = !v->random_fully_disable,
		.forward_rules = v->forward_rules,
		.resync_s = v->resync_s < 1       ? 1
			    : v->resync_s > 86400 ? 86400
						  : (unsigned)v->resync_s,
	};

	if (v->blackhole)
		log_warn("ip-blackhole-route is not available in this version and has no effect");
	return daemon_run(&o, e);
}

int main(int argc, char **argv)
{
	struct values v = { 0 };
	struct err e = { 0 };
	int rest = 0, code = EXIT_USAGE, r;

	stdfd_occupy();
	log_open("flanneld", LOG_TO_KLOG, LOG_INFO);
	/* A peer that closes its end is an error of the write, not the end of the process. */
	signal(SIGPIPE, SIG_IGN);
	r = option_parse(&options, argc, argv, &v, &rest, warn, &e);
	if (r == OPTION_HELP) {
		option_help(&options, stderr);
		code = 0;
	} else if (r < 0) {
		fprintf(stderr, "%s\n", e.text);
		option_help(&options, stderr);
	} else if (v.version && option_given(&options, argc, argv, "version")) {
		fprintf(stderr, "%s\n", HEARTH_VERSION);
		code = 0;
	} else {
		log_open("flanneld", LOG_TO_KLOG, v.verbosity > 0 ? LOG_DEBUG : LOG_INFO);
		log_options(&v);
		r = check(&v, &e);
		if (r == 0)
			r = run(&v, &e);
		if (r < 0)
			log_err("%s", e.text);
		code = r < 0 ? EXIT_RUNTIME : 0;
	}
	option_values_done(&options, &v);
	log_close();
	return code;
}
