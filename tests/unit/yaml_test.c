#include "protocol/yaml.h"

#include "base/buf.h"

#include <check.h>
#include <stdio.h>
#include <string.h>

static struct arena arena;
static struct err e;

static void setup(void)
{
	arena = (struct arena)ARENA(16 << 20);
	e = (struct err){ 0 };
}

static void teardown(void)
{
	arena_done(&arena);
}

static const struct yaml_node *doc(const char *text)
{
	return yaml_read(text, strlen(text), &arena, &e);
}

static const struct yaml_node *good(const char *text)
{
	const struct yaml_node *n = doc(text);
	ck_assert_msg(n != NULL, "%s", e.msg);
	return n;
}

static const struct plain {
	const char *text;
	enum yaml_kind kind;
} plains[] = {
	{ "", YAML_NULL },       { "~", YAML_NULL },      { "null", YAML_NULL },
	{ "nULL", YAML_STR },    { "true", YAML_BOOL },   { "FALSE", YAML_BOOL },
	{ "on", YAML_STR },      { "yes", YAML_STR },     { "tRue", YAML_STR },
	{ "0", YAML_INT },       { "-19", YAML_INT },     { "+7", YAML_INT },
	{ "0o17", YAML_INT },    { "0x1F", YAML_INT },    { "0o8", YAML_STR },
	{ "0x", YAML_STR },      { "1_000", YAML_STR },   { "1.5", YAML_FLOAT },
	{ ".5", YAML_FLOAT },    { "1.", YAML_FLOAT },    { "1e3", YAML_FLOAT },
	{ "-1E-3", YAML_FLOAT }, { ".", YAML_STR },       { "1e", YAML_STR },
	{ ".inf", YAML_FLOAT },  { "-.INF", YAML_FLOAT }, { ".nan", YAML_FLOAT },
	{ "inf", YAML_STR },     { "15m", YAML_STR },     { "-", YAML_STR },
	{ "1:30", YAML_STR },    { "1.2.3", YAML_STR },   { "+", YAML_STR },
};

START_TEST(core_schema)
{
	ck_assert_int_eq(yaml_plain_kind(plains[_i].text), plains[_i].kind);
}
END_TEST

START_TEST(places_and_kinds)
{
	const struct yaml_node *n = good("a: 1\nlist:\n  - x\n  - \"1\"\nb:\n  on: |\n    two\n"
					 "    lines\n  c: {d: [1, 2]}\n");
	ck_assert_int_eq(n->kind, YAML_MAP);
	ck_assert_uint_eq(n->count, 3);
	const struct yaml_node *list = yaml_get(n, "list");
	ck_assert_int_eq(list->kind, YAML_LIST);
	ck_assert_uint_eq(list->line, 3);
	ck_assert_uint_eq(list->col, 3);
	ck_assert_uint_eq(list->indent, 3);
	ck_assert_uint_eq(list->last_line, 4);
	ck_assert_int_eq(list->items[1]->kind, YAML_STR);
	const struct yaml_node *on = yaml_get(yaml_get(n, "b"), "on");
	ck_assert_str_eq(on->text, "two\nlines\n");
	ck_assert_uint_eq(on->last_line, 8);
	const struct yaml_node *c = yaml_get(yaml_get(n, "b"), "c");
	ck_assert_uint_eq(c->indent, 0);
	ck_assert_uint_eq(yaml_get(c, "d")->count, 2);
	ck_assert_uint_eq(n->last_line, 9);
	ck_assert_ptr_null(yaml_get(n, "none"));
	ck_assert_ptr_null(yaml_get(on, "none"));
}
END_TEST

START_TEST(empty_documents)
{
	ck_assert_int_eq(good("")->kind, YAML_NULL);
	ck_assert_int_eq(good("# nothing\n")->kind, YAML_NULL);
	ck_assert_int_eq(good("---\n...\n")->kind, YAML_NULL);
}
END_TEST

START_TEST(merge_keys)
{
	const struct yaml_node *n = good("base: &b {x: 1, y: 2}\nother: &o {y: 3, z: 4}\n"
					 "one:\n  <<: *b\n  x: 9\nmany:\n  <<: [*o, *b]\n"
					 "quoted: {\"<<\": 1}\n");
	const struct yaml_node *one = yaml_get(n, "one"), *many = yaml_get(n, "many");
	ck_assert_uint_eq(one->count, 2);
	ck_assert_str_eq(yaml_get(one, "x")->text, "9");
	ck_assert_str_eq(yaml_get(one, "y")->text, "2");
	ck_assert_uint_eq(many->count, 3);
	ck_assert_str_eq(yaml_get(many, "y")->text, "3");
	ck_assert_str_eq(yaml_get(many, "x")->text, "1");
	ck_assert_str_eq(yaml_get(yaml_get(n, "quoted"), "<<")->text, "1");
}
END_TEST

START_TEST(tags)
{
	const struct yaml_node *n = good("a: !!str 5\nb: !!int \"7\"\nc: !!float 1\nd: ! true\n");
	ck_assert_int_eq(yaml_get(n, "a")->kind, YAML_STR);
	ck_assert_int_eq(yaml_get(n, "b")->kind, YAML_INT);
	ck_assert_int_eq(yaml_get(n, "c")->kind, YAML_FLOAT);
}
END_TEST

static const struct refusal {
	const char *text, *want;
} refusals[] = {
	{ "a: 1\na: 2\n", "2:1: key \"a\" is there twice" },
	{ "x: {b: 1, b: 2}\n", "1:11: key \"b\" is there twice" },
	{ "<<: {a: 1}\n<<: {b: 1}\n", "2:1: key \"<<\" is there twice" },
	{ "<<: 3\n", "1:5: \"<<\" merges mappings only" },
	{ "? [a]\n: 1\n", "1:3: a key that is no scalar" },
	{ "a: *nope\n", "1:4: an alias without its anchor" },
	{ "a: &x [*x]\n", "1:8: an alias without its anchor" },
	{ "a: !foo 1\n", "1:4: an unknown tag" },
	{ "a: !!int x\n", "1:4: the value is not what its tag says" },
	{ "a: !!map []\n", "1:4: the value is not what its tag says" },
	{ "a: 1\n---\nb: 1\n", "2:1: more than one document" },
	{ "a: [1, 2\n", "2:1: did not find expected ',' or ']'" },
	{ "a: \"b\n", "2:1: found unexpected end of stream" },
	{ "a: \"\\0\"\n", "1:4: a NUL in a string" },
	{ "a: b: c\n", "1:5: mapping values are not allowed in this context" },
	{ "a: \xff\n", "1:1: byte 3: invalid leading UTF-8 octet" },
};

START_TEST(refusals_name_the_place)
{
	ck_assert_ptr_null(doc(refusals[_i].text));
	ck_assert_str_eq(e.msg, refusals[_i].want);
}
END_TEST

START_TEST(depth_is_limited)
{
	char text[200];
	memset(text, '[', 65);
	memset(text + 65, ']', 65);
	text[130] = '\0';
	ck_assert_ptr_null(doc(text));
	ck_assert_str_eq(e.msg, "1:65: nested more than 64 deep");
	text[129] = '\0';
	ck_assert_ptr_nonnull(doc(text + 1));
}
END_TEST

/* Nine levels of ten aliases: a thousand million nodes, were they expanded. */
START_TEST(aliases_are_counted)
{
	char text[2048];
	size_t n = (size_t)snprintf(text, sizeof text, "a0: &a0 [1,1,1,1,1,1,1,1,1,1]\n");
	for (int i = 1; i < 9; i++) {
		n += (size_t)snprintf(text + n, sizeof text - n, "a%d: &a%d [", i, i);
		for (int j = 0; j < 10; j++)
			n += (size_t)snprintf(text + n, sizeof text - n, "%s*a%d", j ? "," : "",
					      i - 1);
		n += (size_t)snprintf(text + n, sizeof text - n, "]\n");
	}
	ck_assert_ptr_null(doc(text));
	ck_assert_ptr_nonnull(strstr(e.msg, ": more than 100000 nodes, aliases expanded"));
	ck_assert_uint_lt(arena.used, 100000);
}
END_TEST

START_TEST(many_keys_are_quick)
{
	autobuf b = BUF(4 << 20);
	for (int i = 0; i < 40000; i++)
		ck_assert_int_eq(buf_printf(&b, &e, "key%d: 1\n", i), 0);
	const struct yaml_node *n = yaml_read(b.p, b.len, &arena, &e);
	ck_assert_msg(n != NULL, "%s", e.msg);
	ck_assert_uint_eq(n->count, 40000);
}
END_TEST

int main(void)
{
	Suite *s = suite_create("yaml");
	TCase *t = tcase_create("yaml");
	tcase_add_checked_fixture(t, setup, teardown);
	tcase_add_loop_test(t, core_schema, 0, sizeof plains / sizeof *plains);
	tcase_add_test(t, places_and_kinds);
	tcase_add_test(t, empty_documents);
	tcase_add_test(t, merge_keys);
	tcase_add_test(t, tags);
	tcase_add_loop_test(t, refusals_name_the_place, 0, sizeof refusals / sizeof *refusals);
	tcase_add_test(t, depth_is_limited);
	tcase_add_test(t, aliases_are_counted);
	tcase_add_test(t, many_keys_are_quick);
	suite_add_tcase(s, t);
	SRunner *r = srunner_create(s);
	srunner_run_all(r, CK_NORMAL);
	int failed = srunner_ntests_failed(r);
	srunner_free(r);
	return failed ? 1 : 0;
}
