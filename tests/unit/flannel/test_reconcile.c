#include "flannel/reconcile.h"

#include <setjmp.h>
#include <stdarg.h>
#include <stdint.h>
#include <stdio.h>
#include <string.h>

#include <cmocka.h>

#include "base/cleanup.h"

static struct ipnet net(const char *s)
{
	struct ipnet n;

	assert_int_equal(ipnet_parse(AF_UNSPEC, s, &n), 0);
	return n;
}

static struct ipaddr addr(const char *s)
{
	struct ipaddr a;

	assert_int_equal(ipaddr_parse(AF_UNSPEC, s, &a), 0);
	return a;
}

static struct hwaddr mac(const char *s)
{
	struct hwaddr h;

	assert_int_equal(hwaddr_parse(s, &h), 0);
	return h;
}

static int set(struct reconcile *r, const char *key, const char *subnet, const char *hw, const char *vtep,
	       int64_t revision)
{
	const struct reconcile_peer p = {
		.subnet = net(subnet), .mac = mac(hw), .vtep = addr(vtep), .revision = revision
	};

	return reconcile_set(r, key, &p);
}

static void saw_route(struct reconcile *r, const char *dst, const char *via, bool exact)
{
	const struct reconcile_op op = { .kind = RECONCILE_ROUTE, .dst = net(dst), .via = addr(via) };

	assert_int_equal(reconcile_observe(r, &op, exact), 0);
}

static void saw_neigh(struct reconcile *r, const char *dst, const char *hw)
{
	const struct reconcile_op op = { .kind = RECONCILE_NEIGH,
					 .dst = { .addr = addr(dst), .len = 32 },
					 .mac = mac(hw) };

	assert_int_equal(reconcile_observe(r, &op, true), 0);
}

static void saw_fdb(struct reconcile *r, const char *hw, const char *via)
{
	const struct reconcile_op op = { .kind = RECONCILE_FDB, .mac = mac(hw), .via = addr(via) };

	assert_int_equal(reconcile_observe(r, &op, true), 0);
}

/* Plans, compares with the wanted lines in order ("" = nothing), and reports every op as done. */
static void expect_failing(struct reconcile *r, const char *want, const char *failing)
{
	CLEANUP(freep) struct reconcile_op *ops = NULL;
	char got[2048] = "", text[160];
	size_t n = 0, used = 0;

	assert_int_equal(reconcile_plan(r, &ops, &n), 0);
	for (size_t i = 0; i < n; i++) {
		reconcile_op_text(&ops[i], text, sizeof(text));
		used += (size_t)snprintf(got + used, sizeof(got) - used, "%c %s\n", ops[i].del ? '-' : '+',
					 text);
		reconcile_done(r, &ops[i], failing && strstr(text, failing) ? -ENOBUFS : 0);
	}
	assert_string_equal(got, want);
}

static void expect(struct reconcile *r, const char *want)
{
	expect_failing(r, want, NULL);
	expect_failing(r, "", NULL);
}

#define A_MAC "02:00:00:00:00:0a"
#define B_MAC "02:00:00:00:00:0b"

static void test_add_and_remove(void **state)
{
	CLEANUP(reconcile_freep) struct reconcile *r = NULL;

	(void)state;
	assert_int_equal(reconcile_new(&r), 0);
	expect(r, "");
	assert_int_equal(set(r, "10.5.3.0-24", "10.5.3.0/24", A_MAC, "10.0.0.3", 7), 1);
	assert_int_equal(set(r, "10.5.3.0-24", "10.5.3.0/24", A_MAC, "10.0.0.3", 7), 0);
	expect(r, "+ neighbour 10.5.3.0 at " A_MAC "\n"
		  "+ forwarding entry " A_MAC " via 10.0.0.3\n"
		  "+ route 10.5.3.0/24 via 10.5.3.0\n");
	assert_int_equal(reconcile_peers(r), 1);
	assert_false(reconcile_unset(r, "10.5.4.0-24"));
	assert_true(reconcile_unset(r, "10.5.3.0-24"));
	expect(r, "- route 10.5.3.0/24 via 10.5.3.0\n"
		  "- forwarding entry " A_MAC " via 10.0.0.3\n"
		  "- neighbour 10.5.3.0 at " A_MAC "\n");
	/* Added and gone in one turn: the kernel never hears of it. */
	assert_int_equal(set(r, "10.5.3.0-24", "10.5.3.0/24", A_MAC, "10.0.0.3", 8), 1);
	assert_true(reconcile_unset(r, "10.5.3.0-24"));
	expect(r, "");
}

static void test_changed_mac(void **state)
{
	CLEANUP(reconcile_freep) struct reconcile *r = NULL;

	(void)state;
	assert_int_equal(reconcile_new(&r), 0);
	set(r, "k", "10.5.3.0/24", A_MAC, "10.0.0.3", 7);
	expect_failing(r,
		       "+ neighbour 10.5.3.0 at " A_MAC "\n"
		       "+ forwarding entry " A_MAC " via 10.0.0.3\n"
		       "+ route 10.5.3.0/24 via 10.5.3.0\n",
		       NULL);
	/* The forwarding entry of the old MAC must not stay behind; the route is not touched. */
	assert_int_equal(set(r, "k", "10.5.3.0/24", B_MAC, "10.0.0.3", 8), 1);
	expect(r, "+ neighbour 10.5.3.0 at " B_MAC "\n"
		  "+ forwarding entry " B_MAC " via 10.0.0.3\n"
		  "- forwarding entry " A_MAC " via 10.0.0.3\n");
}

static void test_changed_vtep(void **state)
{
	CLEANUP(reconcile_freep) struct reconcile *r = NULL;

	(void)state;
	assert_int_equal(reconcile_new(&r), 0);
	set(r, "k", "10.5.3.0/24", A_MAC, "10.0.0.3", 7);
	expect_failing(r,
		       "+ neighbour 10.5.3.0 at " A_MAC "\n"
		       "+ forwarding entry " A_MAC " via 10.0.0.3\n"
		       "+ route 10.5.3.0/24 via 10.5.3.0\n",
		       NULL);
	set(r, "k", "10.5.3.0/24", A_MAC, "10.0.0.9", 8);
	expect(r, "+ forwarding entry " A_MAC " via 10.0.0.9\n");
}

/* A node came back with another subnet and address; its old lease lives on for a day. */
static void test_shared_mac(void **state)
{
	CLEANUP(reconcile_freep) struct reconcile *r = NULL;

	(void)state;
	assert_int_equal(reconcile_new(&r), 0);
	set(r, "10.5.3.0-24", "10.5.3.0/24", A_MAC, "10.0.0.3", 7);
	set(r, "10.5.9.0-24", "10.5.9.0/24", A_MAC, "10.0.0.9", 12);
	expect_failing(r,
		       "+ neighbour 10.5.9.0 at " A_MAC "\n"
		       "+ neighbour 10.5.3.0 at " A_MAC "\n"
		       "+ forwarding entry " A_MAC " via 10.0.0.9\n"
		       "+ route 10.5.9.0/24 via 10.5.9.0\n"
		       "+ route 10.5.3.0/24 via 10.5.3.0\n",
		       NULL);
	expect(r, "");
	/* The old lease expires: the entry that the new one needs stays. */
	reconcile_unset(r, "10.5.3.0-24");
	expect(r, "- route 10.5.3.0/24 via 10.5.3.0\n- neighbour 10.5.3.0 at " A_MAC "\n");
	/* The other way round: what is left decides again. */
	set(r, "10.5.3.0-24", "10.5.3.0/24", A_MAC, "10.0.0.3", 7);
	expect(r, "+ neighbour 10.5.3.0 at " A_MAC "\n+ route 10.5.3.0/24 via 10.5.3.0\n");
	reconcile_unset(r, "10.5.9.0-24");
	expect(r, "- route 10.5.9.0/24 via 10.5.9.0\n"
		  "+ forwarding entry " A_MAC " via 10.0.0.3\n"
		  "- neighbour 10.5.9.0 at " A_MAC "\n");
}

/* A rewritten lease wins the shared entry although nothing else of it changed. */
static void test_shared_mac_renewed(void **state)
{
	CLEANUP(reconcile_freep) struct reconcile *r = NULL;

	(void)state;
	assert_int_equal(reconcile_new(&r), 0);
	set(r, "a", "10.5.3.0/24", A_MAC, "10.0.0.3", 7);
	set(r, "b", "10.5.9.0/24", A_MAC, "10.0.0.9", 12);
	expect_failing(r,
		       "+ neighbour 10.5.9.0 at " A_MAC "\n"
		       "+ neighbour 10.5.3.0 at " A_MAC "\n"
		       "+ forwarding entry " A_MAC " via 10.0.0.9\n"
		       "+ route 10.5.9.0/24 via 10.5.9.0\n"
		       "+ route 10.5.3.0/24 via 10.5.3.0\n",
		       NULL);
	assert_int_equal(set(r, "a", "10.5.3.0/24", A_MAC, "10.0.0.3", 20), 0);
	expect(r, "+ forwarding entry " A_MAC " via 10.0.0.3\n");
}

/* A node turned dual stack: another key for the same IPv4 subnet, and the old key goes. */
static void test_same_subnet_under_two_keys(void **state)
{
	CLEANUP(reconcile_freep) struct reconcile *r = NULL;

	(void)state;
	assert_int_equal(reconcile_new(&r), 0);
	set(r, "10.5.3.0-24", "10.5.3.0/24", A_MAC, "10.0.0.3", 7);
	expect_failing(r,
		       "+ neighbour 10.5.3.0 at " A_MAC "\n"
		       "+ forwarding entry " A_MAC " via 10.0.0.3\n"
		       "+ route 10.5.3.0/24 via 10.5.3.0\n",
		       NULL);
	set(r, "10.5.3.0-24&fd00::-64", "10.5.3.0/24", A_MAC, "10.0.0.3", 8);
	reconcile_unset(r, "10.5.3.0-24");
	expect(r, "");
}

static void test_restart_with_right_state(void **state)
{
	CLEANUP(reconcile_freep) struct reconcile *r = NULL;

	(void)state;
	assert_int_equal(reconcile_new(&r), 0);
	set(r, "k", "10.5.3.0/24", A_MAC, "10.0.0.3", 7);
	reconcile_observe_begin(r);
	saw_route(r, "10.5.3.0/24", "10.5.3.0", true);
	saw_neigh(r, "10.5.3.0", A_MAC);
	saw_fdb(r, A_MAC, "10.0.0.3");
	expect(r, "");
}

static void test_stale_and_wrong_entries(void **state)
{
	CLEANUP(reconcile_freep) struct reconcile *r = NULL;

	(void)state;
	assert_int_equal(reconcile_new(&r), 0);
	set(r, "k", "10.5.3.0/24", A_MAC, "10.0.0.3", 7);
	reconcile_observe_begin(r);
	saw_route(r, "10.5.3.0/24", "10.5.3.0", false);
	saw_route(r, "10.9.1.0/24", "10.9.1.0", true);
	saw_neigh(r, "10.5.3.0", B_MAC);
	saw_neigh(r, "10.9.1.0", B_MAC);
	saw_fdb(r, A_MAC, "10.0.0.77");
	saw_fdb(r, B_MAC, "10.0.0.3");
	expect(r, "- route 10.9.1.0/24 via 10.9.1.0\n"
		  "+ neighbour 10.5.3.0 at " A_MAC "\n"
		  "+ forwarding entry " A_MAC " via 10.0.0.3\n"
		  "+ route 10.5.3.0/24 via 10.5.3.0\n"
		  "- forwarding entry " B_MAC " via 10.0.0.3\n"
		  "- neighbour 10.9.1.0 at " B_MAC "\n");
	/* Somebody flushed the routes: only they come back. */
	reconcile_observe_begin(r);
	saw_neigh(r, "10.5.3.0", A_MAC);
	saw_fdb(r, A_MAC, "10.0.0.3");
	expect(r, "+ route 10.5.3.0/24 via 10.5.3.0\n");
}

static void test_failures_are_planned_again(void **state)
{
	CLEANUP(reconcile_freep) struct reconcile *r = NULL;

	(void)state;
	assert_int_equal(reconcile_new(&r), 0);
	set(r, "k", "10.5.3.0/24", A_MAC, "10.0.0.3", 7);
	expect_failing(r,
		       "+ neighbour 10.5.3.0 at " A_MAC "\n"
		       "+ forwarding entry " A_MAC " via 10.0.0.3\n"
		       "+ route 10.5.3.0/24 via 10.5.3.0\n",
		       "route");
	expect_failing(r, "+ route 10.5.3.0/24 via 10.5.3.0\n", "route");
	/* It does not hold up another peer. */
	set(r, "l", "10.5.4.0/24", B_MAC, "10.0.0.4", 8);
	expect_failing(r,
		       "+ neighbour 10.5.4.0 at " B_MAC "\n"
		       "+ forwarding entry " B_MAC " via 10.0.0.4\n"
		       "+ route 10.5.4.0/24 via 10.5.4.0\n"
		       "+ route 10.5.3.0/24 via 10.5.3.0\n",
		       NULL);
	expect(r, "");
	reconcile_unset(r, "l");
	expect_failing(r,
		       "- route 10.5.4.0/24 via 10.5.4.0\n"
		       "- forwarding entry " B_MAC " via 10.0.0.4\n"
		       "- neighbour 10.5.4.0 at " B_MAC "\n",
		       "neighbour");
	expect(r, "- neighbour 10.5.4.0 at " B_MAC "\n");
}

static void test_snapshot(void **state)
{
	CLEANUP(reconcile_freep) struct reconcile *r = NULL;

	(void)state;
	assert_int_equal(reconcile_new(&r), 0);
	set(r, "a", "10.5.3.0/24", A_MAC, "10.0.0.3", 7);
	set(r, "b", "fd00:0:0:5::/64", B_MAC, "fd77::4", 8);
	expect_failing(r,
		       "+ neighbour fd00:0:0:5:: at " B_MAC "\n"
		       "+ neighbour 10.5.3.0 at " A_MAC "\n"
		       "+ forwarding entry " B_MAC " via fd77::4\n"
		       "+ forwarding entry " A_MAC " via 10.0.0.3\n"
		       "+ route fd00:0:0:5::/64 via fd00:0:0:5::\n"
		       "+ route 10.5.3.0/24 via 10.5.3.0\n",
		       NULL);
	reconcile_snapshot_begin(r);
	set(r, "b", "fd00:0:0:5::/64", A_MAC, "fd77::4", 9);
	assert_int_equal(reconcile_snapshot_end(r), 1);
	expect(r, "- route 10.5.3.0/24 via 10.5.3.0\n"
		  "+ neighbour fd00:0:0:5:: at " A_MAC "\n"
		  "+ forwarding entry " A_MAC " via fd77::4\n"
		  "- forwarding entry " B_MAC " via fd77::4\n"
		  "- neighbour 10.5.3.0 at " A_MAC "\n");
}

/* Ten thousand peers come, are renewed and go; the tables grow and every entry is accounted for. */
static void test_many(void **state)
{
	enum { PEERS = 10000 };
	CLEANUP(reconcile_freep) struct reconcile *r = NULL;

	(void)state;
	assert_int_equal(reconcile_new(&r), 0);
	for (int round = 0; round < 3; round++) {
		CLEANUP(freep) struct reconcile_op *ops = NULL;
		size_t n = 0;

		for (uint32_t i = 0; i < PEERS; i++) {
			struct reconcile_peer p = { .subnet = { .len = 24 }, .revision = round };
			char key[32];

			(void)snprintf(key, sizeof(key), "key-%u", i);
			p.subnet.addr = ipaddr_from_v4(0x0a000000 + (i << 8));
			p.vtep = ipaddr_from_v4(0xac100000 + i);
			memcpy(p.mac.b, (uint8_t[]){ 2, 0, 0, 0, (uint8_t)(i >> 8), (uint8_t)i }, 6);
			if (round < 2)
				assert_int_equal(reconcile_set(r, key, &p), round == 0);
			else
				assert_true(reconcile_unset(r, key));
		}
		assert_int_equal(reconcile_plan(r, &ops, &n), 0);
		assert_int_equal(n, round == 1 ? 0 : 3 * PEERS);
		for (size_t i = 0; i < n; i++) {
			assert_int_equal(ops[i].del, round == 2);
			if (i > 0 && round == 0)
				assert_true(ops[i - 1].kind <= ops[i].kind);
			reconcile_done(r, &ops[i], 0);
		}
	}
	expect(r, "");
	assert_int_equal(reconcile_peers(r), 0);
}

int main(void)
{
	const struct CMUnitTest tests[] = {
		cmocka_unit_test(test_add_and_remove),
		cmocka_unit_test(test_changed_mac),
		cmocka_unit_test(test_changed_vtep),
		cmocka_unit_test(test_shared_mac),
		cmocka_unit_test(test_shared_mac_renewed),
		cmocka_unit_test(test_same_subnet_under_two_keys),
		cmocka_unit_test(test_restart_with_right_state),
		cmocka_unit_test(test_stale_and_wrong_entries),
		cmocka_unit_test(test_failures_are_planned_again),
		cmocka_unit_test(test_snapshot),
		cmocka_unit_test(test_many),
	};

	return cmocka_run_group_tests(tests, NULL, NULL);
}
