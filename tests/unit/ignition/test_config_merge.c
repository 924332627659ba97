/* Merging, the cache's form, and what survives a round trip. */
#include "tests/unit/ignition/config_cases.h"

struct fixture {
	struct arena *arena;
	struct buf out;
};

static int set_up(void **state)
{
	struct fixture *f = calloc(1, sizeof *f);

	*state = f;
	return f && (f->arena = arena_new()) ? 0 : -1;
}

static int tear_down(void **state)
{
	struct fixture *f = *state;

	arena_free(f->arena);
	buf_done(&f->out);
	free(f);
	return 0;
}

static struct ign_config parse(struct fixture *f, const char *text)
{
	struct ign_config c = { 0 };
	struct err e = { 0 };
	CLEANUP(buf_done) struct buf got = { 0 };

	if (parse_case(text, 6, f->arena, &c, &got, &e) < 0)
		fail_msg("%s: %s\n%s", text, e.text, buf_str(&got));
	return c;
}

static const char *emit(struct fixture *f, const struct ign_config *c)
{
	buf_clear(&f->out);
	assert_int_equal(ign_config_emit(c, &f->out), 0);
	return buf_str(&f->out);
}

static const char *merged(struct fixture *f, const char *parent, const char *child)
{
	struct ign_config p = parse(f, parent), c = parse(f, child), out;

	assert_int_equal(ign_config_merge(f->arena, &p, &c, &out), 0);
	return emit(f, &out);
}

#define EMPTY                                                                                                   \
	"{\"ignition\":{\"config\":{\"replace\":{\"verification\":{}}},\"proxy\":{},\"security\":{\"tls\":{}}," \
	"\"timeouts\":{},\"version\":\"3.7.0-experimental\"},"
#define KARGS "\"kernelArguments\":{},"

static void the_empty_config_has_upstreams_form(void **state)
{
	struct ign_config c;

	ign_config_init(&c);
	assert_string_equal(emit(*state, &c), EMPTY KARGS "\"passwd\":{},\"storage\":{},\"systemd\":{}}");
}

static void keys_come_in_upstreams_order(void **state)
{
	struct ign_config c = parse(
		*state, STORAGE("'files':[{'mode':420,'path':'/a','contents':{'source':'data:,a&b'},"
				"'user':{'name':'u'},'overwrite':true,'group':{'id':0}}],"
				"'disks':[{'wipeTable':false,'device':'/dev/x','partitions':["
				"{'wipePartitionEntry':true,'number':0,'label':'l','startMiB':0}]}]"));

	assert_string_equal(
		emit(*state, &c), EMPTY KARGS
		"\"passwd\":{},\"storage\":{\"disks\":[{\"device\":\"/dev/x\",\"partitions\":[{\"label\":\"l\","
		"\"startMiB\":0,\"wipePartitionEntry\":true}],\"wipeTable\":false}],\"files\":[{\"group\":{\"id\":0},"
		"\"overwrite\":true,\"path\":\"/a\",\"user\":{\"name\":\"u\"},\"contents\":{\"source\":\"data:,"
		"a\\u0026b\",\"verification\":{}},\"mode\":420}]},\"systemd\":{}}");
}

static void user_fields_come_in_upstreams_order(void **state)
{
	struct ign_config c = parse(*state,
				    TOP("'passwd':{'users':[{'name':'u','uid':1,'shell':'/s','system':false,"
					"'sshAuthorizedKeys':['k'],'shouldExist':true,'gecos':''}]}"));

	assert_non_null(strstr(emit(*state, &c),
			       "{\"gecos\":\"\",\"name\":\"u\",\"sshAuthorizedKeys\":[\"k\"],"
			       "\"shell\":\"/s\",\"shouldExist\":true,\"system\":false,\"uid\":1}"));
}

static void the_child_wins(void **state)
{
	static const struct {
		const char *parent, *child, *want;
	} cases[] = {
		{ STORAGE("'files':[{'path':'/a','mode':1,'contents':{'source':'data:,p'},'append':[{'source':'data:,1'}]}]"),
		  STORAGE("'files':[{'path':'/a','contents':{'source':'data:,c'},'append':[{'source':'data:,2'}]}]"),
		  "\"files\":[{\"group\":{},\"path\":\"/a\",\"user\":{},\"append\":[{\"source\":\"data:,1\","
		  "\"verification\":{}},{\"source\":\"data:,2\",\"verification\":{}}],\"contents\":{\"source\":"
		  "\"data:,c\",\"verification\":{}},\"mode\":1}]" },
		/* files, directories and links are one name space */
		{ STORAGE("'files':[{'path':'/a'},{'path':'/b'}],'directories':[{'path':'/c'}]"),
		  STORAGE("'links':[{'path':'/a','target':'x'},{'path':'/c','target':'x'}]"),
		  "\"storage\":{\"files\":[{\"group\":{},\"path\":\"/b\",\"user\":{},\"contents\":{\"verification\":"
		  "{}}}],\"links\":[{\"group\":{},\"path\":\"/a\",\"user\":{},\"target\":\"x\"},{\"group\":{},"
		  "\"path\":\"/c\",\"user\":{},\"target\":\"x\"}]}" },
		{ STORAGE("'disks':[{'device':'/dev/x','partitions':[{'number':1,'label':'a'},{'label':'b','sizeMiB':1}]}]"),
		  STORAGE("'disks':[{'device':'/dev/x','wipeTable':true,'partitions':[{'label':'b','sizeMiB':2},"
			  "{'number':1,'label':'c'}]}]"),
		  "\"partitions\":[{\"label\":\"c\",\"number\":1},{\"label\":\"b\",\"sizeMiB\":2}],\"wipeTable\":true" },
		{ TOP("'kernelArguments':{'shouldExist':['a','b'],'shouldNotExist':['c']}"),
		  TOP("'kernelArguments':{'shouldExist':['c'],'shouldNotExist':['a']}"),
		  "\"kernelArguments\":{\"shouldExist\":[\"b\",\"c\"],\"shouldNotExist\":[\"a\"]}" },
		{ STORAGE("'files':[{'path':'/a','contents':{'source':'http://x','httpHeaders':[{'name':'k','value':'1'},"
			  "{'name':'K','value':'2'}]}}]"),
		  STORAGE("'files':[{'path':'/a','contents':{'source':'http://y','httpHeaders':[{'name':'k'}]}}]"),
		  "\"contents\":{\"httpHeaders\":[{\"name\":\"K\",\"value\":\"2\"}],\"source\":\"http://y\"" },
		{ STORAGE("'filesystems':[{'device':'/d','format':'ext4','options':['a'],'mountOptions':['x']}]"),
		  STORAGE("'filesystems':[{'device':'/d','format':'xfs','options':['a'],'mountOptions':['y']}]"),
		  "\"format\":\"xfs\",\"mountOptions\":[\"x\",\"y\"],\"options\":[\"a\",\"a\"]" },
		{ TOP("'systemd':{'units':[{'name':'a.service','enabled':true,'dropins':[{'name':'x.conf','contents':'[A]'}]}]}"),
		  TOP("'systemd':{'units':[{'name':'b.service'},{'name':'a.service','enabled':false,'dropins':["
		      "{'name':'y.conf'}]}]}"),
		  "\"units\":[{\"dropins\":[{\"contents\":\"[A]\",\"name\":\"x.conf\"},{\"name\":\"y.conf\"}],"
		  "\"enabled\":false,\"name\":\"a.service\"},{\"name\":\"b.service\"}]" },
		/* before 3.3 a target was a plain string, and that of the child counts */
		{ STORAGE("'links':[{'path':'/l','target':'t'}]"),
		  "{'ignition':{'version':'3.2.0'},'storage':{'links':[{'path':'/l'}]}}",
		  "\"path\":\"/l\",\"user\":{},\"target\":\"\"}" },
		{ STORAGE("'links':[{'path':'/l','target':'t'}]"),
		  "{'ignition':{'version':'3.3.0'},'storage':{'links':[{'path':'/l','hard':true,'target':'t'}]}}",
		  "\"hard\":true,\"target\":\"t\"}" },
	};

	for (size_t i = 0; i < ARRAY_SIZE(cases); i++) {
		const char *got = merged(*state, cases[i].parent, cases[i].child);

		if (!strstr(got, cases[i].want))
			fail_msg("case %zu: %s\nlacks %s", i, got, cases[i].want);
	}
}

static const char full[] =
	"{'ignition':{'version':'$','timeouts':{'httpTotal':5},'config':{'merge':[{'source':'data:,'}]},"
	"'proxy':{'noProxy':['a']},'security':{'tls':{'certificateAuthorities':[{'source':'data:,'}]}}},"
	"'kernelArguments':{'shouldExist':['k']},'passwd':{'users':[{'name':'u','groups':['g']}],'groups':[{'name':'g','gid':0}]},"
	"'storage':{'disks':[{'device':'/dev/x','partitions':[{'number':1,'label':'','sizeMiB':0}]}],"
	"'raid':[{'name':'m','level':'raid1','devices':['/dev/a','/dev/b']}],"
	"'luks':[{'name':'l','device':'/dev/l','clevis':{'tang':[{'url':'http://t','thumbprint':'x'}],'threshold':1}}],"
	"'filesystems':[{'device':'/dev/f','format':'xfs','label':''}],'files':[{'path':'/f','mode':0}],"
	"'directories':[{'path':'/d'}],'links':[{'path':'/l','target':'x','hard':false}]},"
	"'systemd':{'units':[{'name':'a.service','mask':false,'contents':''}]}}";

static void the_cache_gives_back_what_was_written(void **state)
{
	struct fixture *f = *state;
	struct ign_config c = parse(f, full), again;
	CLEANUP(buf_done) struct buf text = { 0 };
	struct err e = { 0 };

	assert_int_equal(ign_config_emit(&c, &text), 0);
	assert_int_equal(ign_config_parse_cache(text.p, text.n, f->arena, &again, &e), 0);
	assert_true(cfg_equal(&ign_config_desc, &c, &again));
	assert_string_equal(emit(f, &again), text.p);
}

static void the_empty_config_is_the_neutral_element(void **state)
{
	struct fixture *f = *state;
	struct ign_config c = parse(f, full), empty, out;

	ign_config_init(&empty);
	assert_int_equal(ign_config_merge(f->arena, &empty, &c, &out), 0);
	assert_true(cfg_equal(&ign_config_desc, &c, &out));
	assert_int_equal(ign_config_merge(f->arena, &c, &empty, &out), 0);
	assert_true(cfg_equal(&ign_config_desc, &c, &out));
	/* keyed lists merge with themselves to themselves; append-only lists are not in this config */
	assert_int_equal(ign_config_merge(f->arena, &c, &c, &out), 0);
	assert_true(cfg_equal(&ign_config_desc, &c, &out));
}

static void a_damaged_cache_is_refused_with_its_place(void **state)
{
	static const struct {
		const char *text, *why;
	} cases[] = {
		{ "{\"ignition\":{}", "error at line 1 col 15: unexpected end of the document" },
		{ "{\"ignition\":\n{\"version\":7}}",
		  "error at $.ignition.version, line 2 col 12: expected string, got number" },
	};
	struct fixture *f = *state;

	for (size_t i = 0; i < ARRAY_SIZE(cases); i++) {
		struct ign_config c;
		struct err e = { 0 };

		assert_int_equal(
			ign_config_parse_cache(cases[i].text, strlen(cases[i].text), f->arena, &c, &e),
			-EBADMSG);
		assert_string_equal(e.text, cases[i].why);
	}
}

static void nothing_is_written_on_failure(void **state)
{
	struct fixture *f = *state;
	struct ign_config c = { .ignition.version = "untouched" };
	struct err e = { 0 };
	struct report rep = { 0 };

	assert_int_equal(ign_config_parse("{}", 2, f->arena, &rep, &c, &e), -EBADMSG);
	assert_string_equal(c.ignition.version, "untouched");
	assert_int_equal(ign_config_parse_cache("[", 1, f->arena, &c, &e), -EBADMSG);
	assert_string_equal(c.ignition.version, "untouched");
	report_done(&rep);
}

static void secrets_are_not_shown(void **state)
{
	struct fixture *f = *state;
	struct ign_config c = parse(f,
				    "{'ignition':{'version':'$','proxy':{'httpProxy':'http://u:S3CRET@p'}},"
				    "'passwd':{'users':[{'name':'u','passwordHash':'S3CRET'}]},"
				    "'storage':{'files':[{'path':'/a','contents':{'source':'http://x?S3CRET',"
				    "'httpHeaders':[{'name':'h','value':'S3CRET'}]}}]},"
				    "'systemd':{'units':[{'name':'a.service','contents':'#S3CRET'}]}}");

	assert_int_equal(cfg_emit(&ign_config_desc, &c, CFG_EMIT_INDENT | CFG_EMIT_REDACT, &f->out), 0);
	assert_null(strstr(buf_str(&f->out), "S3CRET"));
	assert_non_null(strstr(buf_str(&f->out), "\"passwordHash\": \"\\u003credacted\\u003e\""));
}

static void a_merged_config_is_checked_without_positions(void **state)
{
	CLEANUP(report_done) struct report rep = { 0 };
	CLEANUP(buf_done) struct buf got = { 0 };
	struct ign_http_header header = { .name = "x" };
	struct ign_link link = { .path = "/l" };
	struct ign_config c;

	(void)state;
	ign_config_init(&c);
	assert_int_equal(ign_config_validate(&c, IGN_MINOR_EXPERIMENTAL, &rep), 0);
	assert_int_equal(rep.n, 0);
	c.storage.links.v = &link;
	c.storage.links.n = 1;
	c.ignition.config.replace = (struct ign_resource){ .source = "http://x",
							   .http_headers = { &header, 1 } };
	c.ignition.version = "3";
	assert_int_equal(ign_config_validate(&c, IGN_MINOR_EXPERIMENTAL, &rep), 0);
	assert_int_equal(report_print(&rep, &got), 0);
	assert_string_equal(
		buf_str(&got),
		"error at $.ignition.version: invalid config version (couldn't parse)\n"
		"warning at $.ignition.config.replace.httpHeaders.0: HTTP header has no value, and no "
		"other config gives it one: fetching this will fail\n"
		"error at $.storage.links.0.target: link target is required\n");
}

int main(void)
{
	const struct CMUnitTest tests[] = {
		cmocka_unit_test_setup_teardown(the_empty_config_has_upstreams_form, set_up, tear_down),
		cmocka_unit_test_setup_teardown(keys_come_in_upstreams_order, set_up, tear_down),
		cmocka_unit_test_setup_teardown(user_fields_come_in_upstreams_order, set_up, tear_down),
		cmocka_unit_test_setup_teardown(the_child_wins, set_up, tear_down),
		cmocka_unit_test_setup_teardown(the_cache_gives_back_what_was_written, set_up, tear_down),
		cmocka_unit_test_setup_teardown(the_empty_config_is_the_neutral_element, set_up, tear_down),
		cmocka_unit_test_setup_teardown(a_damaged_cache_is_refused_with_its_place, set_up, tear_down),
		cmocka_unit_test_setup_teardown(nothing_is_written_on_failure, set_up, tear_down),
		cmocka_unit_test(a_merged_config_is_checked_without_positions),
		cmocka_unit_test_setup_teardown(secrets_are_not_shown, set_up, tear_down),
	};

	return cmocka_run_group_tests(tests, NULL, NULL);
}
