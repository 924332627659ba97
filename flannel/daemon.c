#include "flannel/daemon.h"

#include <poll.h>
#include <signal.h>
#include <string.h>

#include "base/cleanup.h"
#include "base/err.h"
#include "base/log.h"
#include "base/loop.h"
#include "flannel/backend/backend.h"
#include "flannel/config.h"
#include "flannel/env_file.h"
#include "flannel/health.h"
#include "flannel/masq.h"
#include "flannel/notify.h"
#include "netlink/dump.h"
#include "netlink/monitor.h"

enum {
	RETRY_MIN_MS = 1000,
	RETRY_MAX_MS = 30000,
	RULES_SOON_MS = 100,     /* after a foreign change: let its author finish */
	RULES_SPACING_MS = 1000, /* two authors who undo each other's work must not cost a CPU */
};

struct daemon {
	const struct daemon_options *o;
	struct loop *loop;
	struct subnet_manager *manager;
	struct health *health;
	struct loop_source *sigterm, *sigint;
	struct lease_subnet previous;
	const struct net_config *config; /* the manager's */
	const struct lease *own;         /* the manager's */
	struct backend *backend;
	struct err failure; /* why the loop ended with an error */

	struct masq *masq;
	struct masq_plan rules;
	bool have_rules; /* they are installed and watched, or will be by the timer */
	struct monitor *nft_events;
	struct loop_source *nft_source, *rules_timer;
	int64_t rules_checked_ms, rules_due_ms;
	struct err rules_trouble;

	struct loop_source *finish; /* the last steps of start-up, tried until they succeed */
	struct err finish_trouble;
	int retry_ms;
	bool ready;
};

/* Ends the loop; daemon_run() hands the story to its caller. */
static int give_up(struct daemon *d, int r)
{
	return d->failure.code ? -d->failure.code : r;
}

/* Says a failure that will be retried, once as long as it stays the same. */
static void complain(struct err *last, const struct err *now, const char *what)
{
	if (last->code && strcmp(last->text, now->text) == 0) {
		log_debug("%s: %s", what, now->text);
		return;
	}
	*last = *now;
	log_err("%s: %s; will be tried again", what, now->text);
	notify_status("%s: %s", what, now->text);
}

static int on_signal(void *ctx, int signo)
{
	struct daemon *d = ctx;

	log_info("shutdownHandler sent cancel signal... (%s)", strsignal(signo));
	(void)notify_send("STOPPING=1");
	loop_quit(d->loop, 0);
	return 0;
}

static int signals_init(struct daemon *d, struct err *e)
{
	int r;

	log_info("Installing signal handlers");
	r = loop_add_signal(d->loop, SIGTERM, on_signal, d, &d->sigterm);
	if (r == 0)
		r = loop_add_signal(d->loop, SIGINT, on_signal, d, &d->sigint);
	return r < 0 ? err_errno(e, -r, "installing signal handlers") : 0;
}

/*
 * Compares the rules with the plan after in_ms, but not more often than is reasonable. An earlier
 * date stays, or a stream of events would put the comparison off for ever.
 */
static void check_rules_within(struct daemon *d, int64_t in_ms)
{
	const int64_t now = loop_now_ms();
	int64_t due = now + in_ms;

	if (due < d->rules_checked_ms + RULES_SPACING_MS)
		due = d->rules_checked_ms + RULES_SPACING_MS;
	if (loop_timer_armed(d->rules_timer) && d->rules_due_ms <= due)
		return;
	d->rules_due_ms = due;
	loop_timer_set(d->rules_timer, due > now ? due - now : 0);
}

static int on_rules_timer(void *ctx)
{
	struct daemon *d = ctx;
	struct err e = { 0 };
	int r = masq_resync(d->masq, &d->rules, &e);

	d->rules_checked_ms = loop_now_ms();
	if (r < 0)
		complain(&d->rules_trouble, &e, "restoring masquerade and forward rules");
	else if (r > 0)
		log_notice("Some rules are missing; deleted and recreated");
	if (r >= 0)
		d->rules_trouble.code = 0;
	check_rules_within(d, (int64_t)d->o->resync_s * 1000);
	return 0;
}

static int on_nft_event(void *ctx, const struct monitor_event *ev)
{
	struct daemon *d = ctx;

	if (ev->kind == MONITOR_RESYNC ||
	    (ev->kind == MONITOR_NFT &&
	     masq_concerns(d->masq, &d->rules, ev->nft.family, ev->nft.table, ev->portid)))
		check_rules_within(d, RULES_SOON_MS);
	return 0;
}

static int on_nft(void *ctx, int fd, unsigned revents)
{
	struct daemon *d = ctx;

	(void)fd;
	(void)revents;
	if (monitor_dispatch(d->nft_events, on_nft_event, d) < 0)
		check_rules_within(d, RULES_SOON_MS);
	return 0;
}

/* Opened once; rules themselves may be tried several times. */
static int rules_open(struct daemon *d, struct err *e)
{
	struct masq_config c;
	int r;

	if (d->masq)
		return 0;
	memset(&c, 0, sizeof(c));
	c.ip_masq = d->o->ip_masq;
	c.forward = d->o->forward_rules;
	c.random_fully = d->o->random_fully;
	if (d->config->enable_ipv4) {
		c.network = d->config->network;
		c.subnet = d->own->subnet.v4;
	}
	if (d->config->enable_ipv6) {
		c.network6 = d->config->ipv6_network;
		c.subnet6 = d->own->subnet.v6;
	}
	masq_instance(d->o->etcd.prefix, d->o->subnet_file, c.instance);
	r = masq_plan(&c, &d->rules, e);
	if (r == 0)
		r = masq_open(&d->masq, e);
	return r;
}

/* May be repeated after a failure. */
static int rules_watch(struct daemon *d, struct err *e)
{
	int r = d->nft_events ? 0 : monitor_open_nft(&d->nft_events, e);

	if (r < 0)
		return r;
	if (!d->nft_source)
		r = loop_add_fd(d->loop, monitor_fd(d->nft_events), POLLIN, on_nft, d, &d->nft_source);
	if (r == 0 && !d->rules_timer)
		r = loop_add_timer(d->loop, on_rules_timer, d, &d->rules_timer);
	return r < 0 ? err_errno(e, -r, "watching the rules") : 0;
}

static int install_rules(struct daemon *d, struct err *e)
{
	int r;

	if (d->have_rules)
		return 0;
	r = rules_open(d, e);
	if (r == 0)
		r = rules_watch(d, e);
	if (r < 0)
		return r;
	/* What a predecessor left in place and right is not written again. */
	r = masq_resync(d->masq, &d->rules, e);
	d->rules_checked_ms = loop_now_ms();
	if (r == -EPERM)
		return err_wrap(e, r, "CAP_NET_ADMIN is needed");
	if (r < 0 && d->o->ip_masq)
		return r;
	/* The overlay works without forward rules unless a firewall forbids it; they are tried again. */
	if (r < 0) {
		log_warn("%s; going on without forward rules for now", e->text);
		d->rules_trouble = *e;
	} else if (e->code) { /* in place, but something of another agent's could not be removed */
		log_warn("%s", e->text);
	}
	*e = (struct err){ 0 };
	d->have_rules = true;
	check_rules_within(d, (int64_t)d->o->resync_s * 1000);
	return 0;
}

static int write_env(struct daemon *d, struct err *e)
{
	const struct net_config *c = d->config;
	struct env_file env = { .mtu = backend_mtu(d->backend), .ip_masq = d->o->ip_masq };
	int r;

	if (c->enable_ipv4) {
		env.network = c->network;
		env.subnet = ipnet_masked(&d->own->subnet.v4);
	}
	if (c->enable_ipv6) {
		env.network6 = c->ipv6_network;
		env.subnet6 = ipnet_masked(&d->own->subnet.v6);
	}
	r = env_file_write(d->o->subnet_file, &env, e);
	if (r < 0)
		return err_wrap(e, r, "Failed to write subnet file");
	log_info("Wrote subnet file to %s", d->o->subnet_file);
	return 0;
}

static int on_finish(void *ctx)
{
	struct daemon *d = ctx;
	char subnet[LEASE_KEY_MAX];
	struct err e = { 0 };
	int r = install_rules(d, &e);

	if (r == 0)
		r = write_env(d, &e);
	if (r < 0) {
		complain(&d->finish_trouble, &e, "not ready yet");
		d->retry_ms = d->retry_ms ? d->retry_ms * 2 : RETRY_MIN_MS;
		if (d->retry_ms > RETRY_MAX_MS)
			d->retry_ms = RETRY_MAX_MS;
		loop_timer_set(d->finish, d->retry_ms);
		return 0;
	}
	d->ready = true;
	health_set_ready(d->health);
	log_info("Running backend.");
	r = notify_send("READY=1");
	if (r < 0)
		log_warn("telling the service manager that all is ready: %s", strerror(-r));
	notify_status("subnet %s by %s", lease_subnet_text(&d->own->subnet, subnet), d->backend->ops->type);
	log_info("flannel is ready");
	return 0;
}

static int on_snapshot(void *ctx, const struct lease *leases, size_t n)
{
	struct daemon *d = ctx;

	return backend_snapshot(d->backend, leases, n);
}

static int on_changed(void *ctx, const struct lease *put, size_t n_put, const struct lease *gone,
		      size_t n_gone)
{
	struct daemon *d = ctx;

	return backend_changed(d->backend, put, n_put, gone, n_gone);
}

static int on_lost(void *ctx, const struct err *why)
{
	struct daemon *d = ctx;

	return give_up(d, err_text(&d->failure, EADDRINUSE,
				   "Lease has been revoked. Shutting down daemon: %s", why->text));
}

static int on_acquired(void *ctx, const struct lease *own, const struct err *why)
{
	static const struct subnet_events events = { .snapshot = on_snapshot,
						     .changed = on_changed,
						     .lost = on_lost };
	struct daemon *d = ctx;
	int r;

	if (!own)
		return give_up(d,
			       err_text(&d->failure, why->code ? why->code : EIO,
					"Error registering network: failed to acquire lease: %s", why->text));
	d->own = own;
	r = backend_start(d->backend, own, &d->failure);
	if (r < 0)
		return give_up(d, err_wrap(&d->failure, r, "Error registering network"));
	r = subnet_run(d->manager, &events, d);
	if (r < 0)
		return give_up(d, err_errno(&d->failure, -r, "watching for new subnet leases"));
	log_info("Starting flannel in nftables mode...");
	loop_timer_set(d->finish, 0);
	return 0;
}

static int choose_iface(struct daemon *d, struct iface_choice *ret)
{
	CLEANUP(nldump_closep) struct nldump *dump = NULL;
	CLEANUP(iface_snapshot_done) struct iface_snapshot now = { 0 };
	struct iface_options o = d->o->iface;
	int r = nldump_open(NETLINK_ROUTE, &dump, &d->failure);

	o.v4 = d->config->enable_ipv4;
	o.v6 = d->config->enable_ipv6;
	if (r == 0)
		r = iface_snapshot_load(dump, &o, &now, &d->failure);
	if (r == 0)
		r = iface_choose(&now, &o, ret, &d->failure);
	if (r < 0)
		return r;
	log_info("Interface %s chosen: %s", ret->name, ret->reason);
	if (o.v4) {
		log_info("Using interface with name %s and address %s", ret->name, IPADDR_STR(&ret->addr));
		if (ipaddr_equal(&ret->addr, &ret->ext))
			log_info("Defaulting external address to interface address (%s)",
				 IPADDR_STR(&ret->ext));
		else
			log_info("Using %s as external address", IPADDR_STR(&ret->ext));
	}
	if (o.v6) {
		log_info("Using interface with name %s and v6 address %s", ret->name,
			 IPADDR_STR(&ret->addr6));
		if (ipaddr_equal(&ret->addr6, &ret->ext6))
			log_info("Defaulting external v6 address to interface address (%s)",
				 IPADDR_STR(&ret->ext6));
		else
			log_info("Using %s as external v6 address", IPADDR_STR(&ret->ext6));
	}
	return 0;
}

/* A leased subnet that holds hosts would take their packets. */
static void warn_of_overlap(const struct ipaddr *min, const struct ipaddr *max, unsigned len,
			    const struct ipaddr *host)
{
	const struct ipnet last = { *max, (uint8_t)len };
	const struct ipaddr end = ipnet_last(&last);

	if (ipaddr_is_set(host) && ipaddr_cmp(host, min) >= 0 && ipaddr_cmp(host, &end) <= 0)
		log_warn(
			"this host's own address %s is in the range %s ... %s of subnets: choose another Network, "
			"or SubnetMin and SubnetMax that leave out what hosts use",
			IPADDR_STR(host), IPADDR_STR(min), IPADDR_STR(&end));
}

static int on_config(void *ctx, const struct net_config *config)
{
	struct daemon *d = ctx;
	CLEANUP(lease_attrs_donep) struct lease_attrs attrs = { 0 };
	struct backend_params params = { .loop = d->loop, .config = config, .cluster = d->o->etcd.prefix };
	const bool have_previous = ipnet_is_set(&d->previous.v4) || ipnet_is_set(&d->previous.v6);
	const struct backend_ops *ops;
	struct iface_choice ext;
	int r;

	d->config = config;
	if (!config->enable_ipv4 && !config->enable_ipv6)
		return give_up(d, err_text(&d->failure, EINVAL,
					   "none defined stack: EnableIPv4 and EnableIPv6 are both false"));
	r = backend_find(config->backend_type, &ops, &d->failure);
	if (r < 0)
		return give_up(d, err_wrap(&d->failure, r, "Error fetching backend"));
	r = choose_iface(d, &ext);
	if (r < 0)
		return give_up(d, r);
	warn_of_overlap(&config->subnet_min, &config->subnet_max, config->subnet_len, &ext.addr);
	warn_of_overlap(&config->ipv6_subnet_min, &config->ipv6_subnet_max, config->ipv6_subnet_len,
			&ext.addr6);
	params.ext = &ext;
	r = backend_open(ops, &params, &d->backend, &d->failure);
	if (r == 0)
		r = backend_attrs(d->backend, &attrs, &d->failure);
	if (r < 0)
		return give_up(d, err_wrap(&d->failure, r, "Error registering network"));
	notify_status("waiting for a lease");
	r = subnet_acquire(d->manager, config, &attrs, have_previous ? &d->previous : NULL, on_acquired, d);
	if (r < 0)
		return give_up(d, err_errno(&d->failure, -r, "Error registering network"));
	return 0;
}

static void read_previous(struct daemon *d)
{
	char text[LEASE_KEY_MAX] = "None";
	struct env_file env = { 0 };
	struct err e = { 0 };
	int r = env_file_read(d->o->subnet_file, &env, &e);

	if (r < 0 && r != -ENOENT)
		log_warn("reading the previous subnet: %s", e.text);
	if (r == 0) {
		d->previous.v4 = env.subnet;
		d->previous.v6 = env.subnet6;
		if (ipnet_is_set(&env.subnet) || ipnet_is_set(&env.subnet6))
			(void)lease_subnet_text(&d->previous, text);
	}
	log_info("Created subnet manager: Etcd Local Manager with Previous Subnet: %s", text);
}

static int start(struct daemon *d, struct err *e)
{
	int r = loop_new(&d->loop);

	if (r < 0)
		return err_errno(e, -r, "event loop");
	r = subnet_etcd_new(d->loop, &d->o->etcd, &d->manager, e);
	if (r < 0)
		return err_wrap(e, r, "Failed to create SubnetManager");
	read_previous(d);
	r = signals_init(d, e);
	if (r < 0)
		return r;
	if (d->o->healthz_port) {
		r = health_new(d->loop, d->o->healthz_ip, d->o->healthz_port, &d->health, e);
		if (r < 0)
			return err_wrap(e, r, "Start healthz server error");
		log_info("Start healthz server on %s:%u", d->o->healthz_ip, d->o->healthz_port);
	}
	r = loop_add_timer(d->loop, on_finish, d, &d->finish);
	if (r < 0)
		return err_errno(e, -r, "event loop");
	notify_status("waiting for the network configuration");
	r = subnet_get_config(d->manager, on_config, d);
	return r < 0 ? err_errno(e, -r, "fetching the network config") : 0;
}

static void daemon_done(struct daemon *d)
{
	backend_free(d->backend);
	subnet_free(d->manager);
	loop_source_free(d->nft_source);
	loop_source_free(d->rules_timer);
	monitor_close(d->nft_events);
	masq_close(d->masq);
	health_free(d->health);
	loop_source_free(d->finish);
	loop_source_free(d->sigterm);
	loop_source_free(d->sigint);
	loop_free(d->loop);
}

int daemon_run(const struct daemon_options *o, struct err *e)
{
	CLEANUP(daemon_done) struct daemon d = { .o = o };
	int r = start(&d, e);

	if (r < 0)
		return r;
	r = loop_run(d.loop);
	if (r < 0) {
		if (d.failure.code)
			return err_text(e, -r, "%s", d.failure.text);
		return err_errno(e, -r, "event loop");
	}
	log_info("Exiting cleanly...");
	return 0;
}
