#include "protocol/oci_manifest.h"

#include <check.h>
#include <errno.h>
#include <stdio.h>
#include <string.h>

#define D(c) "sha256:" c c c c c c c c c c c c c c c c
#define DA D("aaaa")
#define DB D("bbbb")
#define DC D("cccc")
#define IMAGE "application/vnd.oci.image.manifest.v1+json"
#define INDEX "application/vnd.oci.image.index.v1+json"

static struct arena arena;
static struct err err;
static struct oci_manifest m;
static struct oci_config c;
static const struct oci_platform amd64 = { "linux", "amd64", "" };

static void setup(void)
{
	arena = (struct arena)ARENA(1 << 20);
	memset(&err, 0, sizeof err);
}

static void teardown(void)
{
	arena_done(&arena);
}

static int parse_for(const char *text, const char *type, const struct oci_platform *p)
{
	const struct oci_answer from = { text, type, strlen(text) };
	return oci_manifest_parse(&from, p, &arena, &m, &err);
}

static int parse(const char *text)
{
	return parse_for(text, "", &amd64);
}

START_TEST(an_image_without_a_media_type)
{
	ck_assert_msg(parse("{\"schemaVersion\":2,\"config\":{\"digest\":\"" DA "\",\"size\":7},"
			    "\"layers\":[{\"digest\":\"" DB "\",\"size\":8},{\"digest\":\"" DC
			    "\",\"size\":9}]}") == 0,
		      "%s", err.msg);
	ck_assert(!m.is_index);
	ck_assert_str_eq(m.config.digest, DA);
	ck_assert_uint_eq(m.nlayers, 2);
	ck_assert_str_eq(m.layers[0].digest, DB);
	ck_assert_uint_eq(m.layers[1].size, 9);
}
END_TEST

#define ENTRY(d, os, arch, variant)                                   \
	"{\"digest\":\"" d "\",\"size\":1,\"platform\":{\"os\":\"" os \
	"\",\"architecture\":\"" arch "\",\"variant\":\"" variant "\"}}"

static const char index_text[] = "{\"manifests\":[" ENTRY(DA, "unknown", "unknown", "") "," ENTRY(
	DB, "linux", "amd64", "") "," ENTRY(DC, "linux", "arm64", "v8") "]}";

START_TEST(an_index_gives_the_platforms_own)
{
	const struct oci_platform arm = { "linux", "arm64", "" }, v8 = { "linux", "arm64", "v8" };
	ck_assert_int_eq(parse(index_text), 0);
	ck_assert(m.is_index);
	ck_assert_str_eq(m.chosen.digest, DB);
	ck_assert_int_eq(parse_for(index_text, "", &arm), 0);
	ck_assert_str_eq(m.chosen.digest, DC);
	ck_assert_int_eq(parse_for(index_text, INDEX, &v8), 0);
	ck_assert_str_eq(m.chosen.digest, DC);
}
END_TEST

START_TEST(an_index_without_the_platform_says_what_there_is)
{
	const struct oci_platform s390 = { "linux", "s390x", "" };
	ck_assert_int_lt(parse_for(index_text, "", &s390), 0);
	ck_assert_int_eq(err.code, ENOENT);
	ck_assert_ptr_nonnull(strstr(err.msg, "only for linux/amd64, linux/arm64/v8"));
	ck_assert_ptr_null(strstr(err.msg, "unknown"));
}
END_TEST

struct bad {
	const char *text, *type, *says;
};

#define CONFIG "\"config\":{\"digest\":\"" DA "\",\"size\":7}"
#define LAYERS "\"layers\":[{\"digest\":\"" DB "\",\"size\":8}]"

static const struct bad bads[] = {
	{ "", "", "too early" },
	{ "[]", "", "not an object" },
	{ "{}", "", "neither" },
	{ "{\"schemaVersion\":1,\"name\":\"x\"}", "", "schema 1" },
	{ "{" CONFIG "," LAYERS ",\"manifests\":[" ENTRY(DA, "linux", "amd64", "") "]}", "",
	  "both" },
	{ "{" CONFIG "," LAYERS "}", INDEX, "media type" },
	{ "{\"mediaType\":\"" INDEX "\"," CONFIG "," LAYERS "}", "", "media type" },
	{ "{\"manifests\":[" ENTRY(DA, "linux", "amd64", "") "]}", IMAGE, "media type" },
	{ "{" CONFIG "}", "", "no layers" },
	{ "{" LAYERS "}", "", "config" },
	{ "{" CONFIG ",\"layers\":[{\"digest\":\"sha256:../../etc\",\"size\":8}]}", "", "layer 0" },
	{ "{" CONFIG ",\"layers\":[{\"digest\":\"" DB "\",\"size\":-8}]}", "", "size" },
	{ "{" CONFIG ",\"layers\":[{\"digest\":\"" DB "\",\"mediaType\":"
	  "\"application/vnd.docker.image.rootfs.foreign.diff.tar.gzip\"}]}",
	  "", "another server" },
	{ "{\"config\":{\"digest\":\"" DA "\",\"size\":9999999}," LAYERS "}", "", "config" },
	{ "{" CONFIG "," CONFIG "," LAYERS "}", "", "duplicate" },
};

START_TEST(what_is_no_manifest_is_refused)
{
	ck_assert_int_lt(parse_for(bads[_i].text, bads[_i].type, &amd64), 0);
	ck_assert_msg(strstr(err.msg, bads[_i].says) != NULL, "%d: %s", _i, err.msg);
}
END_TEST

START_TEST(layers_have_an_end)
{
	autobuf b = BUF(1 << 20);
	ck_assert_int_eq(buf_str(&b, "{" CONFIG ",\"layers\":[", &err), 0);
	for (int i = 0; i <= OCI_LAYERS_MAX; i++)
		ck_assert_int_eq(buf_printf(&b, &err, "%s{\"digest\":\"" DB "\"}", i ? "," : ""),
				 0);
	ck_assert_int_eq(buf_str(&b, "]}", &err), 0);
	ck_assert_int_lt(parse(buf_cstr(&b)), 0);
	ck_assert_ptr_nonnull(strstr(err.msg, "at most 127"));
}
END_TEST

START_TEST(a_configuration_is_read)
{
	static const char text[] =
		"{\"os\":\"linux\",\"architecture\":\"amd64\",\"config\":{\"User\":\"node:www\","
		"\"Env\":[\"PATH=/bin\",\"A=\"],\"Entrypoint\":[\"/e\"],\"Cmd\":null,"
		"\"ExposedPorts\":{\"80/tcp\":{},\"53/udp\":{}},\"WorkingDir\":\"/srv\"},\"rootfs\":{\"type\":\"layers\",\"diff_ids\":[\"" DA
		"\"]}}";
	ck_assert_msg(oci_config_parse(text, strlen(text), &arena, &c, &err) == 0, "%s", err.msg);
	ck_assert_str_eq(c.user, "node:www");
	ck_assert_str_eq(c.workdir, "/srv");
	ck_assert_uint_eq(c.nenv, 2);
	ck_assert_str_eq(c.env[1], "A=");
	ck_assert_uint_eq(c.nentrypoint, 1);
	ck_assert_uint_eq(c.ncommand, 0);
	ck_assert_uint_eq(c.nports, 2);
	ck_assert_str_eq(c.ports[0], "80/tcp");
	ck_assert_str_eq(c.ports[1], "53/udp");
	ck_assert_str_eq(c.diff_ids[0], DA);
}
END_TEST

static const struct bad bad_configs[] = {
	{ "{}", "", "rootfs: missing" },
	{ "{\"rootfs\":{\"diff_ids\":[]}}", "", "empty" },
	{ "{\"rootfs\":{\"diff_ids\":[\"../x\"]}}", "", "not a sha256" },
	{ "{\"config\":{\"Env\":[\"=x\"]},\"rootfs\":{\"diff_ids\":[\"" DA "\"]}}", "", "Env[0]" },
	{ "{\"config\":{\"Env\":[\"x\\u0000=1\"]},\"rootfs\":{\"diff_ids\":[\"" DA "\"]}}", "",
	  "NUL" },
	{ "{\"config\":{\"ExposedPorts\":{\"8\\n0\":{}}},\"rootfs\":{\"diff_ids\":[\"" DA "\"]}}",
	  "", "not ports" },
	{ "{\"config\":{\"User\":\"a\\nb\"},\"rootfs\":{\"diff_ids\":[\"" DA "\"]}}", "",
	  "control" },
};

START_TEST(what_is_no_configuration_is_refused)
{
	const struct bad *b = &bad_configs[_i];
	ck_assert_int_lt(oci_config_parse(b->text, strlen(b->text), &arena, &c, &err), 0);
	ck_assert_msg(strstr(err.msg, b->says) != NULL, "%s", err.msg);
}
END_TEST

START_TEST(platforms_are_read)
{
	struct oci_platform p;
	ck_assert_int_eq(oci_platform_parse("linux/arm/v7", &arena, &p, &err), 0);
	ck_assert_str_eq(p.arch, "arm");
	ck_assert_str_eq(p.variant, "v7");
	ck_assert_int_eq(oci_platform_parse("arm64", &arena, &p, &err), 0);
	ck_assert_str_eq(p.os, "linux");
	ck_assert_str_eq(p.arch, "arm64");
	ck_assert_int_eq(oci_platform_parse("", &arena, &p, &err), 0);
	ck_assert_str_ne(p.arch, "");
	ck_assert_int_lt(oci_platform_parse("linux/", &arena, &p, &err), 0);
	ck_assert_int_lt(oci_platform_parse("a/b/c/d", &arena, &p, &err), 0);
	ck_assert_int_lt(oci_platform_parse("li nux/x", &arena, &p, &err), 0);
}
END_TEST

START_TEST(errors_of_a_registry_are_shown_on_one_line)
{
	static const char text[] =
		"{\"errors\":[{\"code\":\"DENIED\",\"message\":\"not\\u000ayours\"}]}";
	autobuf b = BUF(1000);
	oci_error_text(text, strlen(text), &b);
	ck_assert_str_eq(buf_cstr(&b), "DENIED: not yours");
	buf_clear(&b);
	oci_error_text("<html>", 6, &b);
	ck_assert_str_eq(buf_cstr(&b), "");
}
END_TEST

int main(void)
{
	Suite *s = suite_create("oci_manifest");
	TCase *t = tcase_create("manifest");
	tcase_add_checked_fixture(t, setup, teardown);
	tcase_add_test(t, an_image_without_a_media_type);
	tcase_add_test(t, an_index_gives_the_platforms_own);
	tcase_add_test(t, an_index_without_the_platform_says_what_there_is);
	tcase_add_loop_test(t, what_is_no_manifest_is_refused, 0, sizeof bads / sizeof *bads);
	tcase_add_test(t, layers_have_an_end);
	tcase_add_test(t, a_configuration_is_read);
	tcase_add_loop_test(t, what_is_no_configuration_is_refused, 0,
			    sizeof bad_configs / sizeof *bad_configs);
	tcase_add_test(t, platforms_are_read);
	tcase_add_test(t, errors_of_a_registry_are_shown_on_one_line);
	suite_add_tcase(s, t);
	SRunner *r = srunner_create(s);
	srunner_run_all(r, CK_ENV);
	int failed = srunner_ntests_failed(r);
	srunner_free(r);
	return failed != 0;
}
