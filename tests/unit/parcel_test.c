/* What goes between worker, archiver and carrier besides messages: parcels, spools, provenance. */
#include "base/fd.h"
#include "executor/parcel.h"
#include "executor/provenance.h"
#include "executor/spool.h"

#include <check.h>
#include <fcntl.h>
#include <jansson.h>
#include <stdio.h>
#include <string.h>
#include <sys/mman.h>

static struct err e;

START_TEST(a_parcel_comes_as_it_went)
{
	static const char *const paths[] = { "a b", "x=\"y\"\n", "" }, *const out[] = { "**/*.o" };
	struct arena a = ARENA(8 << 20);
	struct parcel p = {
		.tree = "/builds/g/p",
		.name = "n\\é",
		.format = "zip",
		.level = "",
		.predicate = "{\"a\":\"b c\"}",
		.paths = paths,
		.npaths = 3,
		.excludes = out,
		.nexcludes = 1,
		.untracked = true,
		.limit = UINT64_MAX,
	};
	struct parcel q;
	autobuf text = BUF(PARCEL_BYTES_MAX);
	ck_assert_int_eq(parcel_write(&p, &text, &e), 0);
	ck_assert_msg(parcel_read(buf_cstr(&text), &a, &q, &e) == 0, "%s", e.msg);
	ck_assert_str_eq(q.tree, p.tree);
	ck_assert_str_eq(q.name, p.name);
	ck_assert_str_eq(q.predicate, p.predicate);
	ck_assert_uint_eq(q.npaths, 3);
	for (size_t i = 0; i < 3; i++)
		ck_assert_str_eq(q.paths[i], paths[i]);
	ck_assert_uint_eq(q.nexcludes, 1);
	ck_assert_str_eq(q.excludes[0], out[0]);
	ck_assert(q.untracked && q.limit == UINT64_MAX);
	arena_done(&a);
}
END_TEST

static const char *const malformed[] = {
	"tree\n",          "tree=/a",      "what=x\n",
	"tree=relative\n", "limit=many\n", "untracked=perhaps\n",
	"path=\"open\n",
};

START_TEST(a_malformed_parcel_is_refused)
{
	struct arena a = ARENA(8 << 20);
	struct parcel q;
	ck_assert_int_eq(parcel_read(malformed[_i], &a, &q, &e), -1);
	ck_assert_ptr_nonnull(strstr(e.msg, "parcel"));
	arena_done(&a);
}
END_TEST

/* --- spool ------------------------------------------------------------------------------------- */

static int fd, ends[2];

static void spool_setup(void)
{
	fd = memfd_create("spool", MFD_CLOEXEC);
	ck_assert_int_eq(pipe2(ends, O_CLOEXEC | O_NONBLOCK), 0);
}

static void spool_teardown(void)
{
	fd_close(&fd);
	fd_close(&ends[0]);
	fd_close(&ends[1]);
}

START_TEST(a_spool_is_read_as_it_grows)
{
	static char block[300 << 10], got[300 << 10];
	struct spool_writer w = { .fd = fd, .pipe = ends[1], .limit = 1 << 20 };
	struct spool_reader r = { .fd = fd, .pipe = ends[0] };
	memset(block, 'x', sizeof block);
	spool_look(&r);
	ck_assert(!r.whole && !r.lost && r.size == 0);
	ck_assert_int_eq((int)spool_read(&r, 0, got, sizeof got, &e), 0);
	ck_assert_int_eq(spool_write(&w, block, sizeof block, &e), 0);
	ck_assert_int_eq(spool_write(&w, "end", 3, &e), 0);
	spool_look(&r);
	ck_assert_uint_eq(r.size, sizeof block);
	ck_assert_int_eq((int)spool_read(&r, 10, got, sizeof got, &e), (int)sizeof block - 10);
	ck_assert_int_eq(spool_end(&w, &e), 0);
	spool_look(&r);
	ck_assert(r.whole && !r.lost);
	ck_assert_int_eq((int)spool_read(&r, sizeof block, got, sizeof got, &e), 3);
	ck_assert_mem_eq(got, "end", 3);
}
END_TEST

START_TEST(a_writer_that_dies_is_noticed)
{
	struct spool_reader r = { .fd = fd, .pipe = ends[0] };
	fd_close(&ends[1]);
	spool_look(&r);
	ck_assert(r.lost && !r.whole);
}
END_TEST

START_TEST(a_spool_has_a_limit)
{
	struct spool_writer w = { .fd = fd, .pipe = -1, .limit = 5 };
	ck_assert_int_eq(spool_write(&w, "hello", 5, &e), 0);
	ck_assert_int_eq(spool_write(&w, "!", 1, &e), -1);
	ck_assert_int_eq(e.code, EFBIG);
	ck_assert_uint_eq(w.size, 5);
}
END_TEST

/* --- provenance -------------------------------------------------------------------------------- */

START_TEST(the_predicate_is_json_without_values)
{
	struct arena a = ARENA(1 << 20);
	struct job job = { .id = 7, .name = "build \"x\"" };
	job.sources.url = "https://gitlab.example.com/g/p.git";
	job.sources.sha = "0123456789012345678901234567890123456789";
	struct vars *vars = vars_new(&a, &e);
	ck_assert_int_eq(vars_set(vars, "TOKEN", "s3cr3t", VAR_MASKED, &e), 0);
	struct provenance p = { &job, vars, "runner", "https://gitlab.example.com", 0, 1500000 };
	autobuf b = BUF(1 << 20);
	ck_assert_int_eq(provenance_write(&p, &b, &e), 0);
	ck_assert_ptr_null(strstr(buf_cstr(&b), "s3cr3t"));
	ck_assert_ptr_null(strchr(buf_cstr(&b), '\n'));
	json_t *j = json_loads(buf_cstr(&b), 0, NULL);
	ck_assert_ptr_nonnull(j);
	json_t *build = json_object_get(j, "buildDefinition");
	json_t *asked = json_object_get(build, "externalParameters");
	ck_assert_str_eq(json_string_value(json_object_get(asked, "entryPoint")), job.name);
	ck_assert_str_eq(json_string_value(json_object_get(asked, "TOKEN")), "");
	json_t *about = json_object_get(json_object_get(j, "runDetails"), "metadata");
	ck_assert_str_eq(json_string_value(json_object_get(about, "finishedOn")),
			 "1970-01-01T00:00:01.500000Z");
	json_decref(j);
	arena_done(&a);
}
END_TEST

int main(void)
{
	Suite *s = suite_create("parcel");
	TCase *t = tcase_create("text"), *spool = tcase_create("spool");
	tcase_add_test(t, a_parcel_comes_as_it_went);
	tcase_add_loop_test(t, a_malformed_parcel_is_refused, 0,
			    sizeof malformed / sizeof *malformed);
	tcase_add_test(t, the_predicate_is_json_without_values);
	tcase_add_checked_fixture(spool, spool_setup, spool_teardown);
	tcase_add_test(spool, a_spool_is_read_as_it_grows);
	tcase_add_test(spool, a_writer_that_dies_is_noticed);
	tcase_add_test(spool, a_spool_has_a_limit);
	suite_add_tcase(s, t);
	suite_add_tcase(s, spool);
	SRunner *r = srunner_create(s);
	srunner_run_all(r, CK_ENV);
	int failed = srunner_ntests_failed(r);
	srunner_free(r);
	return failed != 0;
}
