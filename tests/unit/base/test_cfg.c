/* The walkers over a small table of the test's own: decode, merge, duplicates, emit. */
#include "base/cfg.h"
#include "base/arena.h"
#include "base/buf.h"
#include "base/cleanup.h"
#include "base/report.h"
#include <errno.h>
#include <json-c/json.h>
#include <setjmp.h>
#include <stdarg.h>
#include <stdint.h>
#include <string.h>
#include <cmocka.h>

struct sub {
	const char *name; /* plain, required */
	const char *text;
	struct opt_i64 number; /* plain */
};

struct doc {
	struct opt_bool flag;
	struct {
		struct sub *v;
		size_t n;
	} erase, items, left, parts;
	struct sub obj;
	struct strlist set;
	struct opt_i64 size;
	struct strlist words;
	const char *young; /* since 2 */
};

#define SUB(m) offsetof(struct sub, m)
#define DOC(m) offsetof(struct doc, m)

static const struct cfg_field sub_fields[] = {
	{ "name", CFG_STR, SUB(name), .flags = CFG_PLAIN | CFG_REQUIRED },
	{ "number", CFG_INT, SUB(number), .flags = CFG_PLAIN },
	{ "text", CFG_STR, SUB(text), .flags = CFG_SENSITIVE },
};
static const struct cfg_desc sub_desc = { "sub", sizeof(struct sub), ARRAY_SIZE(sub_fields), sub_fields };

static const struct cfg_field doc_fields[] = {
	{ "erase", CFG_LIST, DOC(erase), .sub = &sub_desc, .key_off = SUB(name), .key2_off = SUB(text),
	  .rule = CFG_BY_STR_ERASE },
	{ "flag", CFG_BOOL, DOC(flag), .since = 0 },
	{ "items", CFG_LIST, DOC(items), .sub = &sub_desc, .key_off = SUB(name), .rule = CFG_BY_STR,
	  .space = 1 },
	{ "left", CFG_LIST, DOC(left), .sub = &sub_desc, .key_off = SUB(name), .rule = CFG_BY_STR,
	  .space = 1 },
	{ "obj", CFG_OBJ, DOC(obj), .sub = &sub_desc },
	{ "parts", CFG_LIST, DOC(parts), .sub = &sub_desc, .key_off = SUB(number), .key2_off = SUB(text),
	  .rule = CFG_BY_INT_OR_STR },
	{ "set", CFG_STRLIST, DOC(set), .rule = CFG_BY_STR },
	{ "size", CFG_INT, DOC(size), .since = 0 },
	{ "words", CFG_STRLIST, DOC(words), .rule = CFG_APPEND },
	{ "young", CFG_STR, DOC(young), .since = 2 },
};
static const struct cfg_desc doc_desc = { "doc", sizeof(struct doc), ARRAY_SIZE(doc_fields), doc_fields };

struct fixture {
	struct arena *arena;
	struct report report;
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
	report_done(&f->report);
	buf_done(&f->out);
	free(f);
	return 0;
}

static struct doc decode(struct fixture *f, const char *text, unsigned minor)
{
	struct json_tokener *tok = json_tokener_new();
	struct json_object *root = json_tokener_parse_ex(tok, text, (int)strlen(text));
	struct doc d = { 0 };

	assert_non_null(root);
	report_done(&f->report);
	assert_int_equal(cfg_decode(&doc_desc, root, minor, f->arena, &f->report, &d), 0);
	json_object_put(root);
	json_tokener_free(tok);
	return d;
}

static const char *emit(struct fixture *f, const struct doc *d, unsigned flags)
{
	buf_clear(&f->out);
	assert_int_equal(cfg_emit(&doc_desc, d, flags, &f->out), 0);
	return buf_str(&f->out);
}

static const char *findings(struct fixture *f)
{
	buf_clear(&f->out);
	assert_int_equal(report_print(&f->report, &f->out), 0);
	return buf_str(&f->out);
}

static void decodes_every_kind(void **state)
{
	struct fixture *f = *state;
	struct doc d = decode(
		f,
		"{\"flag\":false,\"items\":[{\"name\":\"a\",\"text\":\"\"},null,{}],\"obj\":{\"number\":0},"
		"\"set\":[\"x\",null],\"size\":-9223372036854775807,\"young\":\"y\"}",
		2);

	assert_string_equal(
		findings(f),
		"warning at $.items.1: context tree does not match content tree at $.items.1. "
		"Line and column reporting may be inconsistent. Unused keys may not be reported\n");
	assert_true(d.flag.set && !d.flag.v);
	assert_int_equal(d.items.n, 3);
	assert_string_equal(d.items.v[0].name, "a");
	assert_string_equal(d.items.v[0].text, "");
	assert_string_equal(d.items.v[1].name, ""); /* plain: never NULL */
	assert_null(d.items.v[1].text);
	assert_string_equal(d.items.v[2].name, "");
	assert_true(d.obj.number.set && d.obj.number.v == 0);
	assert_string_equal(d.obj.name, "");
	assert_int_equal(d.set.n, 2);
	assert_string_equal(d.set.v[1], "");
	assert_true(d.size.set && d.size.v == -9223372036854775807);
	assert_string_equal(d.young, "y");
	assert_int_equal(d.words.n, 0);
}

static void null_is_absent(void **state)
{
	struct fixture *f = *state;
	struct doc d = decode(
		f, "{\"flag\":null,\"items\":null,\"obj\":null,\"set\":null,\"size\":null,\"young\":null}",
		2);

	assert_true(cfg_is_zero(&doc_desc, &d));
	assert_string_equal(findings(f),
			    "warning at $.obj: context tree does not match content tree at $.obj. Line and "
			    "column reporting may be inconsistent. Unused keys may not be reported\n");
}

static void reports_types_and_goes_on(void **state)
{
	struct fixture *f = *state;
	struct doc d = decode(f,
			      "{\"flag\":\"yes\",\"items\":{},\"obj\":[],\"set\":[1,\"ok\",[]],\"size\":1.5,"
			      "\"words\":\"w\",\"young\":{},\"left\":[7,{\"name\":true}]}",
			      2);

	assert_string_equal(findings(f),
			    "error at $.flag: expected boolean, got string\n"
			    "error at $.items: expected list, got object\n"
			    "error at $.obj: expected object, got list\n"
			    "error at $.set.0: expected string, got number\n"
			    "error at $.set.2: expected string, got list\n"
			    "error at $.size: expected integer, got a number with a fraction or an "
			    "exponent\n"
			    "error at $.words: expected list, got string\n"
			    "error at $.young: expected string, got object\n"
			    "error at $.left.0: expected object, got number\n"
			    "error at $.left.1.name: expected string, got boolean\n");
	assert_string_equal(d.set.v[1], "ok");
}

static void integers_keep_their_range(void **state)
{
	static const struct {
		const char *text;
		bool ok;
		int64_t v;
	} cases[] = {
		{ "{\"size\":9223372036854775807}", true, INT64_MAX },
		{ "{\"size\":9223372036854775808}", false, 0 },
		{ "{\"size\":18446744073709551616}", false, 0 },
		{ "{\"size\":-9223372036854775809}", false, 0 },
		{ "{\"size\":420.0}", false, 0 },
		{ "{\"size\":4e2}", false, 0 },
		{ "{\"size\":0}", true, 0 },
	};
	struct fixture *f = *state;

	for (size_t i = 0; i < ARRAY_SIZE(cases); i++) {
		struct doc d = decode(f, cases[i].text, 0);

		assert_int_equal(report_fatal(&f->report), !cases[i].ok);
		assert_int_equal(d.size.set, cases[i].ok);
		assert_true(!cases[i].ok || d.size.v == cases[i].v);
	}
}

static void unknown_keys_warn_other_case_counts(void **state)
{
	struct fixture *f = *state;
	struct doc d = decode(f, "{\"SIZE\":3,\"sizes\":4,\"young\":\"y\",\"obj\":{\"Name\":\"n\",\"x\":{}}}",
			      1);

	assert_string_equal(findings(f), "warning at $.SIZE: unused key SIZE\n"
					 "warning at $.sizes: unused key sizes\n"
					 "warning at $.young: unused key young\n"
					 "warning at $.obj.Name: unused key Name\n"
					 "warning at $.obj.x: unused key x\n");
	assert_int_equal(d.size.v, 3);
	assert_string_equal(d.obj.name, "n");
	assert_null(d.young); /* the version does not know it yet */
}

static void lists_have_a_limit(void **state)
{
	struct fixture *f = *state;
	char *text = malloc(2 * CFG_MAX_LIST + 32);
	size_t n = 0;

	assert_non_null(text);
	memcpy(text, "{\"words\":[0", 11);
	for (n = 11; n < 11 + 2 * CFG_MAX_LIST; n += 2)
		memcpy(text + n, ",0", 2);
	memcpy(text + n, "]}", 3);
	struct doc d = decode(f, text, 0);
	assert_string_equal(findings(f), "error at $.words: more than 65536 entries\n");
	assert_int_equal(d.words.n, 0);
	memcpy(text + n - 2, "]}", 3); /* one less: only its entries are wrong */
	d = decode(f, text, 0);
	free(text);
	assert_int_equal(d.words.n, CFG_MAX_LIST);
}

static void merges_by_rule(void **state)
{
	static const struct {
		const char *parent, *child, *want;
	} cases[] = {
		/* nothing over something, something over nothing */
		{ "{\"size\":1,\"words\":[\"a\"]}", "{}",
		  "{\"obj\":{\"name\":\"\"},\"size\":1,\"words\":[\"a\"]}" },
		{ "{}", "{\"size\":0}", "{\"obj\":{\"name\":\"\"},\"size\":0}" },
		/* optional: the child when present, also when zero; plain: the child always */
		{ "{\"size\":1,\"flag\":true,\"young\":\"p\"}", "{\"flag\":false,\"young\":\"\"}",
		  "{\"flag\":false,\"obj\":{\"name\":\"\"},\"size\":1,\"young\":\"\"}" },
		{ "{\"obj\":{\"name\":\"p\",\"text\":\"t\",\"number\":3}}", "{\"obj\":{\"number\":4}}",
		  "{\"obj\":{\"name\":\"\",\"number\":4,\"text\":\"t\"}}" },
		{ "{\"size\":1,\"obj\":{\"name\":\"p\"}}", "{\"size\":2}",
		  "{\"obj\":{\"name\":\"p\"},\"size\":2}" },
		/* append-only and sets of strings */
		{ "{\"words\":[\"a\",\"b\"],\"set\":[\"a\",\"b\"]}",
		  "{\"words\":[\"b\",\"c\"],\"set\":[\"c\",\"b\"]}",
		  "{\"obj\":{\"name\":\"\"},\"set\":[\"a\",\"b\",\"c\"],\"words\":[\"a\",\"b\",\"b\",\"c\"]}" },
		/* keyed: merged in place, the child's new ones behind */
		{ "{\"items\":[{\"name\":\"a\",\"text\":\"1\"},{\"name\":\"b\",\"text\":\"2\"}]}",
		  "{\"items\":[{\"name\":\"c\"},{\"name\":\"a\",\"number\":7}]}",
		  "{\"items\":[{\"name\":\"a\",\"number\":7,\"text\":\"1\"},{\"name\":\"b\",\"text\":\"2\"},"
		  "{\"name\":\"c\"}],\"obj\":{\"name\":\"\"}}" },
		/* one key space over two lists: the child moves an entry to the other list */
		{ "{\"items\":[{\"name\":\"a\"},{\"name\":\"b\"}],\"left\":[{\"name\":\"c\"}]}",
		  "{\"left\":[{\"name\":\"a\",\"text\":\"now here\"}]}",
		  "{\"items\":[{\"name\":\"b\"}],\"left\":[{\"name\":\"c\"},{\"name\":\"a\",\"text\":\"now here\"}],"
		  "\"obj\":{\"name\":\"\"}}" },
		/* an entry without its value takes the parent's away, and stays when there was none */
		{ "{\"erase\":[{\"name\":\"a\",\"text\":\"1\"},{\"name\":\"b\",\"text\":\"2\"}]}",
		  "{\"erase\":[{\"name\":\"a\"},{\"name\":\"b\",\"text\":\"3\"},{\"name\":\"c\"}]}",
		  "{\"erase\":[{\"name\":\"b\",\"text\":\"3\"},{\"name\":\"c\"}],\"obj\":{\"name\":\"\"}}" },
		/* by number, else by text */
		{ "{\"parts\":[{\"number\":1,\"text\":\"x\"},{\"text\":\"y\"},{}]}",
		  "{\"parts\":[{\"text\":\"y\",\"name\":\"n\"},{\"number\":1,\"name\":\"m\"},{\"text\":\"x\"}]}",
		  "{\"obj\":{\"name\":\"\"},\"parts\":[{\"name\":\"m\",\"number\":1,\"text\":\"x\"},"
		  "{\"name\":\"n\",\"text\":\"y\"},{\"name\":\"\"},{\"name\":\"\",\"text\":\"x\"}]}" },
	};
	struct fixture *f = *state;

	for (size_t i = 0; i < ARRAY_SIZE(cases); i++) {
		struct doc p = decode(f, cases[i].parent, 2), c = decode(f, cases[i].child, 2), out = { 0 };

		assert_int_equal(cfg_merge(&doc_desc, &p, &c, f->arena, &out), 0);
		assert_string_equal(emit(f, &out, 0), cases[i].want);
	}
}

static void duplicates_are_found(void **state)
{
	static const struct {
		const char *text, *want;
	} cases[] = {
		{ "{\"words\":[\"a\",\"a\"]}", "" },
		{ "{\"set\":[\"a\",\"b\",\"a\",\"a\"]}",
		  "error at $.set.2: duplicate entry defined\nerror at $.set.3: duplicate entry defined\n" },
		{ "{\"items\":[{\"name\":\"a\"}],\"left\":[{\"name\":\"b\"},{\"name\":\"a\"}]}",
		  "error at $.left.1: duplicate entry defined\n" },
		{ "{\"items\":[{},{}]}", "error at $.items.1: duplicate entry defined\n" },
		{ "{\"parts\":[{\"number\":1},{\"text\":\"1\"},{},{\"text\":\"\"},{\"number\":2}]}", "" },
		{ "{\"parts\":[{\"number\":1,\"text\":\"a\"},{\"number\":1,\"text\":\"b\"},{},{}]}",
		  "error at $.parts.1: duplicate entry defined\nerror at $.parts.3: duplicate entry defined\n" },
	};
	struct fixture *f = *state;

	for (size_t i = 0; i < ARRAY_SIZE(cases); i++) {
		struct doc d = decode(f, cases[i].text, 0);

		assert_int_equal(cfg_check_duplicates(&doc_desc, &d, &f->report), 0);
		assert_string_equal(findings(f), cases[i].want);
	}
}

/* Ten thousand entries against ten thousand others: a quadratic merge would not end in time. */
static void big_lists_merge_in_linear_time(void **state)
{
	enum { N = 60000 };
	struct fixture *f = *state;
	struct sub *p = arena_alloc(f->arena, N * sizeof *p), *c = arena_alloc(f->arena, N * sizeof *c);
	struct doc parent = { .items = { p, N } }, child = { .items = { c, N } }, out = { 0 };

	for (int i = 0; i < N; i++) {
		p[i].name = arena_printf(f->arena, "/etc/%d", i);
		c[i].name = arena_printf(f->arena, "/etc/%d", i + N / 2);
	}
	assert_int_equal(cfg_merge(&doc_desc, &parent, &child, f->arena, &out), 0);
	assert_int_equal(out.items.n, N + N / 2);
	assert_int_equal(cfg_check_duplicates(&doc_desc, &out, &f->report), 0);
	assert_false(report_fatal(&f->report));
}

static void emits_as_go_does(void **state)
{
	struct fixture *f = *state;
	struct sub one = { .name = "n", .text = "hidden" };
	const char *words[] = { "<&>\"\\/\b\f\n\r\t\x01\x7f",
				"\xe2\x80\xa8\xe2\x80\xa9\xe2\x82\xac\xf0\x9f\x98\x80", "bad \xff\xe2\x82",
				NULL };
	struct doc d = { .items = { &one, 1 }, .words = { words, 4 }, .size = { true, -5 } };

	assert_string_equal(
		emit(f, &d, 0),
		"{\"items\":[{\"name\":\"n\",\"text\":\"hidden\"}],\"obj\":{\"name\":\"\"},\"size\":-5,"
		"\"words\":[\"\\u003c\\u0026\\u003e\\\"\\\\/\\b\\f\\n\\r\\t\\u0001\x7f\","
		"\"\\u2028\\u2029\xe2\x82\xac\xf0\x9f\x98\x80\",\"bad \\ufffd\\ufffd\\ufffd\",\"\"]}");
	d.words.n = 1;
	words[0] = "w";
	assert_string_equal(emit(f, &d, CFG_EMIT_INDENT | CFG_EMIT_REDACT),
			    "{\n"
			    "  \"items\": [\n"
			    "    {\n"
			    "      \"name\": \"n\",\n"
			    "      \"text\": \"\\u003credacted\\u003e\"\n"
			    "    }\n"
			    "  ],\n"
			    "  \"obj\": {\n"
			    "    \"name\": \"\"\n"
			    "  },\n"
			    "  \"size\": -5,\n"
			    "  \"words\": [\n"
			    "    \"w\"\n"
			    "  ]\n"
			    "}");
}

static void emitting_stops_at_the_limit(void **state)
{
	struct fixture *f = *state;
	struct doc d = { .young = "a rather long text" };

	f->out.max = 16;
	assert_int_equal(cfg_emit(&doc_desc, &d, 0, &f->out), -EFBIG);
}

static void equality_sees_what_was_written(void **state)
{
	static const struct {
		const char *a, *b;
		bool same;
	} cases[] = {
		{ "{}", "{\"obj\":{}}", true },
		{ "{\"items\":[]}", "{}", true },
		{ "{\"size\":0}", "{}", false },
		{ "{\"young\":\"\"}", "{}", false },
		{ "{\"obj\":{\"name\":\"\",\"number\":0}}", "{}", true },
		{ "{\"set\":[\"a\",\"b\"]}", "{\"set\":[\"b\",\"a\"]}", false },
		{ "{\"items\":[{\"name\":\"a\",\"text\":\"t\"}]}",
		  "{\"items\":[{\"text\":\"t\",\"name\":\"a\"}]}", true },
		{ "{\"flag\":true}", "{\"flag\":false}", false },
	};
	struct fixture *f = *state;

	for (size_t i = 0; i < ARRAY_SIZE(cases); i++) {
		struct doc a = decode(f, cases[i].a, 2), b = decode(f, cases[i].b, 2);

		assert_int_equal(cfg_equal(&doc_desc, &a, &b), cases[i].same);
		assert_int_equal(cfg_equal(&doc_desc, &b, &a), cases[i].same);
	}
}

int main(void)
{
	const struct CMUnitTest tests[] = {
		cmocka_unit_test_setup_teardown(decodes_every_kind, set_up, tear_down),
		cmocka_unit_test_setup_teardown(null_is_absent, set_up, tear_down),
		cmocka_unit_test_setup_teardown(reports_types_and_goes_on, set_up, tear_down),
		cmocka_unit_test_setup_teardown(integers_keep_their_range, set_up, tear_down),
		cmocka_unit_test_setup_teardown(unknown_keys_warn_other_case_counts, set_up, tear_down),
		cmocka_unit_test_setup_teardown(lists_have_a_limit, set_up, tear_down),
		cmocka_unit_test_setup_teardown(merges_by_rule, set_up, tear_down),
		cmocka_unit_test_setup_teardown(duplicates_are_found, set_up, tear_down),
		cmocka_unit_test_setup_teardown(big_lists_merge_in_linear_time, set_up, tear_down),
		cmocka_unit_test_setup_teardown(emits_as_go_does, set_up, tear_down),
		cmocka_unit_test_setup_teardown(emitting_stops_at_the_limit, set_up, tear_down),
		cmocka_unit_test_setup_teardown(equality_sees_what_was_written, set_up, tear_down),
	};

	return cmocka_run_group_tests(tests, NULL, NULL);
}
