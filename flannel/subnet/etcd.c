#include "flannel/subnet/etcd_priv.h"
#include <errno.h>
#include <stdarg.h>
#include <stdio.h>
#include <stdlib.h>
#include <string.h>
#include <sys/random.h>
#include "base/arena.h"
#include "base/cleanup.h"
#include "base/err.h"
#include "base/log.h"
#include "base/loop.h"

enum {
	RENEW_MARGIN_S = 3600,
	LEASE_TTL_S = 86400,
	CALL_TIMEOUT_MS = 5000,
	CONFIG_PAUSE_MS = 1000,
	PAUSE_MIN_MS = 100,
	PAUSE_MAX_MS = 5000,
	SAY_AGAIN_MS = 20000,
};

/* One request, with the log-in it may need. Freed before its reply function runs. */
struct etcd_call {
	struct etcd *m;
	struct etcd_call *next, **link;
	const char *path;
	struct buf message, reply;
	etcd_reply_fn fn;
	etcd_message_fn stream;
	struct grpc_call *call;
	bool logging_in, logged_in_again, without_token, answered;
};

static void call_free(struct etcd_call *c)
{
	if (c->link) {
		*c->link = c->next;
		if (c->next)
			c->next->link = c->link;
	}
	grpc_call_cancel(c->call);
	if (c->message.p)
		explicit_bzero(c->message.p, c->message.n);
	buf_done(&c->message);
	buf_done(&c->reply);
	free(c);
}

void etcd_cancel(struct etcd_call *c)
{
	if (c)
		call_free(c);
}

static int call_send(struct etcd_call *c);

static int on_message(void *ctx, const void *p, size_t n)
{
	struct etcd_call *c = ctx;

	if (c->stream && !c->logging_in)
		return c->stream(c->m, p, n);
	if (!c->answered && buf_append(&c->reply, p, n) == 0)
		c->answered = true;
	return 0;
}

/* The peer does not know us (any more). Code and text differ between versions and situations. */
static bool token_refused(const struct grpc_status *st)
{
	return st->code == GRPC_UNAUTHENTICATED || strstr(st->message, "invalid auth token") ||
	       strstr(st->message, "user name is empty") || strstr(st->message, "auth store is old");
}

static int call_end(struct etcd_call *c, const struct grpc_status *st)
{
	CLEANUP(buf_done) struct buf reply = c->reply;
	struct grpc_status shown = *st;
	etcd_reply_fn fn = c->fn;
	struct etcd *m = c->m;
	char text[700];

	if (c->logging_in) {
		snprintf(text, sizeof(text), "authenticating as \"%s\": %s", m->username, st->message);
		shown.message = text;
	} else if (st->code == GRPC_OK && !c->stream && !c->answered) {
		shown = (struct grpc_status){ GRPC_INTERNAL, "answer without a message", st->endpoint };
	}
	/* a member cut off from its cluster answers, but cannot serve: others may */
	if (st->code == GRPC_UNAVAILABLE && strstr(st->message, "etcdserver:"))
		grpc_channel_rotate(m->ch, st->message);
	c->reply = (struct buf){ 0 };
	c->call = NULL;
	call_free(c);
	return fn(m, &shown, buf_str(&reply), reply.n);
}

static int on_logged_in(struct etcd_call *c, const struct grpc_status *st)
{
	struct grpc_status bad = { GRPC_INTERNAL, "unusable token", st->endpoint };
	struct etcd *m = c->m;

	if (st->code == GRPC_FAILED_PRECONDITION && strstr(st->message, "not enabled")) {
		log_debug("etcd has no authentication enabled: going on without");
		c->without_token = true;
	} else if (st->code != GRPC_OK) {
		return call_end(c, st);
	} else if (etcd_get_token(buf_str(&c->reply), c->reply.n, m->token, sizeof(m->token)) < 0) {
		return call_end(c, &bad);
	}
	c->logging_in = c->answered = false;
	buf_clear(&c->reply);
	return call_send(c);
}

static int on_done(void *ctx, const struct grpc_status *st)
{
	struct etcd_call *c = ctx;
	struct etcd *m = c->m;

	c->call = NULL;
	if (c->logging_in)
		return on_logged_in(c, st);
	if (st->code != GRPC_OK && m->username && token_refused(st)) {
		m->token[0] = '\0';
		if (!c->logged_in_again) {
			c->logged_in_again = true;
			c->without_token = c->answered = false;
			buf_clear(&c->reply);
			return call_send(c);
		}
	}
	return call_end(c, st);
}

static const struct grpc_events call_events = { .message = on_message, .done = on_done };

static int call_send(struct etcd_call *c)
{
	struct etcd *m = c->m;
	CLEANUP(buf_done) struct buf login = { 0 };
	struct grpc_header headers[3] = { { NULL, NULL } };
	struct grpc_request rq = { .path = c->path,
				   .message = buf_str(&c->message),
				   .n = c->message.n,
				   .headers = headers,
				   .timeout_ms = c->stream ? 0 : m->call_timeout_ms };
	size_t n = 0;
	int r;

	c->logging_in = m->username && !*m->token && !c->without_token;
	if (c->logging_in) {
		r = etcd_put_authenticate(&login, m->username, m->password ? m->password : "");
		if (r < 0)
			return r;
		rq.path = "/etcdserverpb.Auth/Authenticate";
		rq.message = buf_str(&login);
		rq.n = login.n;
		rq.timeout_ms = m->call_timeout_ms;
	} else if (*m->token && !c->without_token) {
		headers[n++] = (struct grpc_header){ "token", m->token };
	}
	/* a watch on a member that lost its leader would stay silent */
	headers[n++] = (struct grpc_header){ "hasleader", "true" };
	r = grpc_call(m->ch, &rq, &call_events, c, &c->call, NULL);
	if (login.p)
		explicit_bzero(login.p, login.n);
	return r;
}

int etcd_start(struct etcd *m, const struct etcd_request *rq, struct etcd_call **ret)
{
	struct etcd_call *c = calloc(1, sizeof(*c));
	int r;

	if (!c) {
		buf_done(rq->message);
		return -ENOMEM;
	}
	*c = (struct etcd_call){
		.m = m, .path = rq->path, .message = *rq->message, .fn = rq->fn, .stream = rq->stream
	};
	*rq->message = (struct buf){ 0 };
	r = call_send(c);
	if (r < 0) {
		call_free(c);
		return r;
	}
	c->next = m->calls;
	c->link = &m->calls;
	if (c->next)
		c->next->link = &c->next;
	m->calls = c;
	if (ret)
		*ret = c;
	return 0;
}

int etcd_pause_ms(unsigned tries)
{
	int ms = PAUSE_MAX_MS;
	uint32_t random = 0;

	if (tries < 6)
		ms = PAUSE_MIN_MS << tries;
	(void)!getrandom(&random, sizeof(random), GRND_NONBLOCK);
	/* many nodes lose the same etcd at the same moment: spread them over a quarter */
	return ms - (int)(random % (uint32_t)(ms / 4));
}

void etcd_said_reset(struct etcd_said *s)
{
	*s = (struct etcd_said){ 0 };
}

void etcd_say(struct etcd_said *s, int prio, const char *fmt, ...)
{
	int64_t now = loop_now_ms();
	char text[sizeof(s->text)];
	va_list ap;

	va_start(ap, fmt);
	vsnprintf(text, sizeof(text), fmt, ap);
	va_end(ap);
	if (s->times++ == 0)
		s->since_ms = now;
	if (s->times > 1 && strcmp(text, s->text) == 0 && now - s->at_ms < SAY_AGAIN_MS)
		return;
	memcpy(s->text, text, sizeof(text));
	s->at_ms = now;
	if (s->times > 1)
		log_msg(prio, NULL, "%s (waiting for %lld s, attempt %u)", text,
			(long long)(now - s->since_ms) / 1000, s->times);
	else
		log_msg(prio, NULL, "%s", text);
}

const char *etcd_status_text(const struct grpc_status *st, char *buf, size_t size)
{
	snprintf(buf, size, "%s: %s", grpc_code_name(st->code), st->message);
	return buf;
}

struct etcd_bytes etcd_str(const char *s)
{
	return (struct etcd_bytes){ s, strlen(s) };
}

static int config_ask(struct etcd *m);

static int config_wait(struct etcd *m, const char *why)
{
	etcd_say(&m->config.said, LOG_ERR, "Couldn't fetch network config: %s", why);
	loop_timer_set(m->config.timer, CONFIG_PAUSE_MS);
	return 0;
}

static int keep_first(void *ctx, const struct etcd_kv *kv, bool deleted)
{
	(void)deleted;
	*(struct etcd_kv *)ctx = *kv;
	return 0;
}

static int on_config(struct etcd *m, const struct grpc_status *st, const void *p, size_t n)
{
	subnet_config_fn fn = m->config.fn;
	struct etcd_range_rp rp = { 0 };
	struct etcd_kv kv = { 0 };
	struct err e = { 0 };
	char text[800];

	if (st->code != GRPC_OK)
		return config_wait(m, etcd_status_text(st, text, sizeof(text)));
	if (etcd_get_range(p, n, &rp, keep_first, &kv) < 0)
		return config_wait(m, "etcd's answer is malformed");
	if (rp.n_kvs == 0) {
		snprintf(
			text, sizeof(text),
			"flannel config not found in etcd store. Did you create your config using etcdv3 API? "
			"(key %s)",
			m->config_key);
		return config_wait(m, text);
	}
	arena_free(m->config.arena);
	m->config.arena = arena_new();
	if (!m->config.arena)
		return -ENOMEM;
	if (net_config_load(kv.value.p, kv.value.n, m->config.arena, &m->config.config, &e) < 0) {
		snprintf(text, sizeof(text), "%s: %.600s", m->config_key, e.text);
		return config_wait(m, text);
	}
	log_info("Found network config - Backend type: %s", m->config.config.backend_type);
	etcd_said_reset(&m->config.said);
	m->config.fn = NULL;
	return fn(m->config.ctx, &m->config.config);
}

static int config_ask(struct etcd *m)
{
	CLEANUP(buf_done) struct buf b = { 0 };
	int r = etcd_put_range(&b, &(struct etcd_range_rq){ .key = etcd_str(m->config_key) });

	if (r < 0)
		return r;
	return etcd_start(m, &(struct etcd_request){ "/etcdserverpb.KV/Range", &b, on_config, NULL }, NULL);
}

static int on_config_timer(void *ctx)
{
	return config_ask(ctx);
}

static int etcd_get_config(struct subnet_manager *base, subnet_config_fn fn, void *ctx)
{
	struct etcd *m = (struct etcd *)base;

	if (m->config.fn)
		return -EBUSY;
	m->config.fn = fn;
	m->config.ctx = ctx;
	return config_ask(m);
}

static void etcd_free(struct subnet_manager *base)
{
	struct etcd *m = (struct etcd *)base;

	while (m->calls)
		call_free(m->calls);
	grpc_channel_free(m->ch);
	loop_source_free(m->config.timer);
	loop_source_free(m->acquire.timer);
	loop_source_free(m->keep.renew);
	loop_source_free(m->keep.fix);
	loop_source_free(m->watch.timer);
	arena_free(m->config.arena);
	etcd_list_clear(m);
	free(m->list.v);
	etcd_watch_clear(m);
	free(m->watch.pending);
	lease_done(&m->own);
	lease_done(&m->acquire.candidate);
	lease_attrs_done(&m->keep.attempt);
	lease_attrs_done(&m->attrs);
	if (m->password)
		explicit_bzero(m->password, strlen(m->password));
	free(m->password);
	free(m->username);
	explicit_bzero(m->token, sizeof(m->token));
	free(m);
}

/* As path.Clean: no empty, "." and ".." components. */
static int clean_prefix(const char *prefix, char ret[ETCD_KEY_MAX], struct err *e)
{
	size_t n = 0, base = *prefix == '/';

	if (strlen(prefix) > ETCD_KEY_MAX / 2)
		return err_text(e, EINVAL, "etcd-prefix is longer than %d bytes", ETCD_KEY_MAX / 2);
	if (base)
		ret[n++] = '/';
	for (const char *p = prefix; *p;) {
		size_t len = strcspn(p, "/");

		if (len == 2 && p[0] == '.' && p[1] == '.') {
			while (n > base && ret[n - 1] != '/')
				n--;
			n -= n > base;
		} else if (len > 0 && !(len == 1 && p[0] == '.')) {
			if (n > base)
				ret[n++] = '/';
			memcpy(ret + n, p, len);
			n += len;
		}
		p += len + (p[len] == '/');
	}
	ret[n] = '\0';
	return 0;
}

static int set_keys(struct etcd *m, const char *prefix, struct err *e)
{
	char clean[ETCD_KEY_MAX] = "";
	const char *slash;
	int r = clean_prefix(prefix && *prefix ? prefix : "/coreos.com/network", clean, e);

	if (r < 0)
		return r;
	slash = *clean && clean[strlen(clean) - 1] != '/' ? "/" : "";
	snprintf(m->config_key, sizeof(m->config_key), "%.600s%sconfig", clean, slash);
	snprintf(m->subnets_key, sizeof(m->subnets_key), "%.600s%ssubnets/", clean, slash);
	/* the range of a prefix ends before the prefix with its last byte incremented */
	memcpy(m->subnets_end, m->subnets_key, sizeof(m->subnets_end));
	m->subnets_end[strlen(m->subnets_end) - 1]++;
	return 0;
}

static int set_options(struct etcd *m, const struct subnet_etcd_options *o, struct err *e)
{
	struct grpc_options go = { .endpoints = o->endpoints ? o->endpoints : "",
				   .cafile = o->cafile,
				   .certfile = o->certfile,
				   .keyfile = o->keyfile };
	bool cert = o->certfile && *o->certfile, key = o->keyfile && *o->keyfile;
	int r = set_keys(m, o->prefix, e);

	m->renew_margin_s = o->renew_margin_s ? o->renew_margin_s : RENEW_MARGIN_S;
	m->lease_ttl_s = o->lease_ttl_s ? o->lease_ttl_s : LEASE_TTL_S;
	m->call_timeout_ms = o->call_timeout_ms ? (int)o->call_timeout_ms : CALL_TIMEOUT_MS;
	if (r < 0)
		return r;
	if (cert != key)
		return err_text(e, EINVAL, "etcd-certfile and etcd-keyfile must be given together");
	if (o->username && *o->username) {
		m->username = strdup(o->username);
		m->password = strdup(o->password ? o->password : "");
		if (!m->username || !m->password)
			return err_errno(e, ENOMEM, "etcd");
	}
	r = grpc_channel_new(m->loop, &go, &m->ch, e);
	return r < 0 ? err_wrap(e, r, "etcd") : 0;
}

static const struct subnet_ops etcd_ops = {
	.get_config = etcd_get_config,
	.acquire = etcd_acquire,
	.run = etcd_run,
	.set_attrs = etcd_set_attrs,
	.free = etcd_free,
};

int subnet_etcd_new(struct loop *l, const struct subnet_etcd_options *o, struct subnet_manager **ret,
		    struct err *e)
{
	struct etcd *m = calloc(1, sizeof(*m));
	int r;

	if (!m)
		return err_errno(e, ENOMEM, "etcd");
	m->base.ops = &etcd_ops;
	m->loop = l;
	r = set_options(m, o, e);
	if (r == 0 && (loop_add_timer(l, on_config_timer, m, &m->config.timer) < 0 ||
		       etcd_acquire_init(m) < 0 || etcd_keep_init(m) < 0 || etcd_watch_init(m) < 0))
		r = err_errno(e, ENOMEM, "etcd");
	if (r < 0) {
		etcd_free(&m->base);
		return r;
	}
	*ret = &m->base;
	return 0;
}
