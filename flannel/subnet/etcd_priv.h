/*
 * The etcd subnet manager's inside, shared by its files:
 *   etcd.c          creation, calls with authentication, waiting, the network config
 *   etcd_list.c     all leases at one revision, page by page
 *   etcd_acquire.c  getting a lease
 *   etcd_keep.c     renewing it, putting it back
 *   etcd_watch.c    everybody else's leases
 *
 * User call backs may free the manager, so each is the last thing its path does.
 */
#pragma once
#include "base/buf.h"
#include "base/grpc.h"
#include "flannel/config.h"
#include "flannel/subnet.h"
#include "flannel/subnet/etcd_msg.h"

struct arena;
struct etcd;
struct etcd_call;
struct loop_source;

enum {
	ETCD_TOKEN_MAX = 4096,
	ETCD_KEY_MAX = 1024, /* prefix and lease key */
};

/* Says the same thing again only every 20 s, so that a wait shows at least every 30 s. */
struct etcd_said {
	char text[512];
	int64_t at_ms, since_ms;
	unsigned times;
};

typedef int (*etcd_reply_fn)(struct etcd *m, const struct grpc_status *st, const void *p, size_t n);
typedef int (*etcd_message_fn)(struct etcd *m, const void *p, size_t n);

struct etcd_list {
	struct lease *v; /* sorted by key */
	size_t n, cap;
	struct etcd_header header;
	int64_t limit;
	char last[ETCD_KEY_MAX];
	size_t last_n, skipped, kvs;
	unsigned restarts;
	etcd_reply_fn fn; /* NULL = idle */
};

struct etcd {
	struct subnet_manager base;
	struct loop *loop;
	struct grpc_channel *ch;
	struct etcd_call *calls;

	char config_key[ETCD_KEY_MAX], subnets_key[ETCD_KEY_MAX], subnets_end[ETCD_KEY_MAX];
	char *username, *password;
	char token[ETCD_TOKEN_MAX];
	unsigned renew_margin_s, lease_ttl_s;
	int call_timeout_ms;

	struct {
		subnet_config_fn fn;
		void *ctx;
		struct loop_source *timer;
		struct etcd_said said;
		struct arena *arena;
		struct net_config config;
	} config;

	struct etcd_list list;

	/* Our lease: attrs is what it shall say, own what the store says as far as we know. */
	struct net_config net;
	struct lease_attrs attrs;
	bool have_own;
	struct lease own;
	int64_t expires_ms;  /* monotonic; when own.etcd_lease ends unless renewed */
	int64_t spare_lease; /* granted, but no key hangs on it yet */

	struct {
		subnet_acquired_fn fn; /* NULL = idle */
		void *ctx;
		struct lease_subnet previous;
		struct lease candidate; /* to reuse or to create */
		bool reuse;
		unsigned rounds, tries;
		struct loop_source *timer;
		struct etcd_said said;
	} acquire;

	struct {
		struct loop_source *renew, *fix;
		bool fixing, lost;
		bool again;                 /* something happened while fixing */
		bool doubt;                 /* the look under way is to tell whether etcd lost data */
		struct lease_attrs attempt; /* sent, not yet confirmed: may be in the store */
		int64_t found_mod;          /* the key as the last look saw it; 0 = absent */
		unsigned tries, conflicts;
		struct etcd_said said;
	} keep;

	struct {
		const struct subnet_events *ev; /* NULL = not running */
		void *ctx;
		struct etcd_call *stream;
		struct loop_source *timer;
		bool relist;
		bool listed; /* just now: the next stream continues a list, not a stream */
		int64_t next_revision;
		uint64_t cluster_id;
		struct etcd_change *pending;
		size_t n_pending, cap_pending;
		unsigned tries;
		int64_t created_ms; /* when the stream was confirmed; 0 = not yet */
		struct etcd_said said;
	} watch;
};

/* One lease of a batch of events. */
struct etcd_change {
	struct lease lease;
	bool gone;
	size_t seq;
};

struct etcd_request {
	const char *path;
	struct buf *message;    /* taken over */
	etcd_reply_fn fn;       /* once, last */
	etcd_message_fn stream; /* NULL = one answer, which goes to fn, within the call timeout */
};

/* Authenticates first when it must, and again once when the token was refused. 0 or -ENOMEM. */
int etcd_start(struct etcd *m, const struct etcd_request *rq, struct etcd_call **ret);
void etcd_cancel(struct etcd_call *c);

int etcd_pause_ms(unsigned tries); /* 100 ms doubling to 5 s, with jitter */
/* Logs "text (waiting since 40 s, attempt 9)" unless it was just said. */
void etcd_say(struct etcd_said *s, int prio, const char *fmt, ...) __attribute__((format(printf, 3, 4)));
void etcd_said_reset(struct etcd_said *s);
/* "Unavailable: reason" */
const char *etcd_status_text(const struct grpc_status *st, char *buf, size_t size);

struct etcd_bytes etcd_str(const char *s);
/* Key and value of one lease; -EINVAL with a reason. The key alone when value.p is NULL. */
int etcd_lease_from_kv(const struct etcd *m, const struct etcd_kv *kv, struct lease *ret, struct err *e);
/* Printable form of a key of the store for messages. */
const char *etcd_key_text(struct etcd_bytes key, char *buf, size_t size);

int etcd_list_start(struct etcd *m, etcd_reply_fn fn);
void etcd_list_clear(struct etcd *m);

/* If the lease's key is at mod_revision (0 = absent): put attrs, or delete when attrs is NULL. */
int etcd_cas(struct etcd *m, const struct lease *l, const struct lease_attrs *attrs, int64_t mod_revision,
	     int64_t etcd_lease, etcd_reply_fn fn);
int etcd_lease_call(struct etcd *m, const char *path, int64_t id_or_ttl, etcd_reply_fn fn);
void etcd_revoke(struct etcd *m, int64_t id); /* best effort */
int etcd_lease_granted(struct etcd *m, const struct grpc_status *st, const void *p,
		       size_t n); /* into spare_lease */

int etcd_acquire(struct subnet_manager *base, const struct net_config *c, const struct lease_attrs *attrs,
		 const struct lease_subnet *previous, subnet_acquired_fn fn, void *ctx);
int etcd_set_attrs(struct subnet_manager *base, const struct lease_attrs *attrs);
int etcd_run(struct subnet_manager *base, const struct subnet_events *ev, void *ctx);

bool etcd_same_node(const struct lease_attrs *a, const struct lease_attrs *b);
int etcd_keep_start(struct etcd *m);
void etcd_keep_own_put(struct etcd *m, const struct lease *seen); /* seen NULL: unreadable value */
void etcd_keep_own_gone(struct etcd *m, int64_t mod_revision);
void etcd_keep_look(struct etcd *m); /* after an interruption: is our key still as we know it? */

int etcd_acquire_init(struct etcd *m);
int etcd_keep_init(struct etcd *m);
int etcd_watch_init(struct etcd *m);
void etcd_watch_clear(struct etcd *m);
int etcd_watch_relist(struct etcd *m, const char *why);
