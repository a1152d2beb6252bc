#include "executor/image_store.h"

#include "base/fd.h"

#include <check.h>
#include <errno.h>
#include <fcntl.h>
#include <stdio.h>
#include <stdlib.h>
#include <string.h>
#include <sys/file.h>
#include <sys/stat.h>

#define H(c) c c c c c c c c c c c c c c c c
#define HA H("aaaa")
#define HB H("bbbb")
#define HC H("cccc")

static struct arena arena;
static struct err err;
static char path[64];
static struct image_store store;

static void setup(void)
{
	arena = (struct arena)ARENA(8 << 20);
	memset(&err, 0, sizeof err);
	snprintf(path, sizeof path, "/tmp/image-test-XXXXXX");
	ck_assert_ptr_nonnull(mkdtemp(path));
	autofd dir = open(path, O_RDONLY | O_DIRECTORY | O_CLOEXEC);
	ck_assert_msg(image_store_open(&store, dir, &err) == 0, "%s", err.msg);
}

static void teardown(void)
{
	image_store_close(&store);
	ck_assert_int_eq(fd_remove_tree(AT_FDCWD, path, &err), 0);
	arena_done(&arena);
}

/* --- records ------------------------------------------------------------------------------------ */

static struct image_record example(void)
{
	static const char *const env[] = { "PATH=/bin", "A=two words \"quoted\"\n" };
	static const char *const command[] = { "sh", "" }, *const ports[] = { "5432/tcp" };
	static const struct image_layer layers[] = { { HA, HB, 7 }, { HC, HC, 1ULL << 40 } };
	return (struct image_record){
		.name = "r.example/x:1",
		.digest = HB,
		.user = "node",
		.workdir = "",
		.env = env,
		.nenv = 2,
		.command = command,
		.ncommand = 2,
		.ports = ports,
		.nports = 1,
		.layers = layers,
		.nlayers = 2,
	};
}

START_TEST(a_record_is_read_as_it_was_written)
{
	const struct image_record r = example();
	struct image_record got;
	autobuf b = BUF(IMAGE_RECORD_MAX);
	ck_assert_int_eq(image_record_write(&r, &b, &err), 0);
	ck_assert_msg(image_record_read(buf_cstr(&b), b.len, &arena, &got, &err) == 0, "%s",
		      err.msg);
	ck_assert_str_eq(got.name, r.name);
	ck_assert_str_eq(got.user, "node");
	ck_assert_str_eq(got.workdir, "");
	ck_assert_uint_eq(got.nenv, 2);
	ck_assert_str_eq(got.env[1], r.env[1]);
	ck_assert_uint_eq(got.nentrypoint, 0);
	ck_assert_str_eq(got.command[1], "");
	ck_assert_uint_eq(got.nports, 1);
	ck_assert_str_eq(got.ports[0], "5432/tcp");
	ck_assert_uint_eq(got.nlayers, 2);
	ck_assert_str_eq(got.layers[0].blob, HB);
	ck_assert_uint_eq(got.layers[1].size, 1ULL << 40);
}
END_TEST

static const char *const bad_records[] = {
	"",
	"digest=" HA "\n",
	"layer=\"" HA " " HB " 1\"\n",
	"digest=" HA "\nlayer=\"" HA " " HB "\"\n",
	"digest=" HA "\nlayer=\"" HA " ../etc 1\"\n",
	"digest=" HA "\nlayer=\"" HA " " HB " x\"\n",
	"digest=" HA "\nwhat=1\n",
	"digest",
	"digest=\"" HA "\n",
};

START_TEST(what_is_no_record_is_refused)
{
	struct image_record r;
	const char *text = bad_records[_i];
	ck_assert_int_lt(image_record_read(text, strlen(text), &arena, &r, &err), 0);
	ck_assert_int_eq(err.code, EINVAL);
}
END_TEST

START_TEST(faults_have_names)
{
	for (int f = 0; f < IMAGE_FAULTS; f++)
		ck_assert_str_ne(image_fault_name((enum image_fault)f), "");
	ck_assert(image_fault_passes(IMAGE_UNREACHABLE));
	ck_assert(!image_fault_passes(IMAGE_AUTH));
}
END_TEST

struct size {
	uint64_t bytes;
	const char *text;
};

static const struct size sizes[] = {
	{ 0, "0 B" },
	{ 1023, "1023 B" },
	{ 1024, "1.0 KiB" },
	{ 1600, "1.5 KiB" },
	{ 12 << 20, "12.0 MiB" },
	{ (3ULL << 30) + (512 << 20), "3.5 GiB" },
	{ UINT64_MAX, "16777215.9 TiB" },
};

START_TEST(sizes_are_shown)
{
	char text[IMAGE_SIZE_TEXT];
	image_size_text(sizes[_i].bytes, text);
	ck_assert_str_eq(text, sizes[_i].text);
}
END_TEST

/* --- the store ---------------------------------------------------------------------------------- */

static uint32_t add_layer(const char *hex, uint64_t bytes)
{
	uint32_t n = 0;
	autofd dir = image_store_begin_layer(&store, &n, &err);
	ck_assert_msg(dir >= 0, "%s", err.msg);
	ck_assert_int_eq(mkdirat(dir, "in", 0755), 0);
	ck_assert_msg(image_store_end_layer(&store, hex, n, bytes, &err) == 0, "%s", err.msg);
	return n;
}

static void publish(const char *key, const char *digest, const char *layer, bool private)
{
	autobuf b = BUF(IMAGE_RECORD_MAX);
	ck_assert_int_eq(
		buf_printf(&b, &err, "digest=%s\nlayer=\"%s %s 1\"\n", digest, layer, layer), 0);
	const struct image_publish p = { key, digest, &b, 0, private };
	ck_assert_msg(image_store_publish(&store, &p, &err) == 0, "%s", err.msg);
}

START_TEST(a_layer_is_found_by_what_it_is)
{
	uint32_t n, again;
	uint64_t bytes;
	ck_assert(!image_store_layer(store.diffs, HA, &n, &bytes));
	uint32_t made = add_layer(HA, 12345);
	ck_assert(image_store_layer(store.diffs, HA, &n, &bytes));
	ck_assert_uint_eq(n, made);
	ck_assert_uint_eq(bytes, 12345);
	ck_assert(!image_store_layer(store.diffs, "../layers", &n, &bytes));
	ck_assert_uint_ne(add_layer(HA, 1), 0); /* somebody else was faster: ours goes */
	ck_assert(image_store_layer(store.diffs, HA, &again, &bytes));
	ck_assert_uint_eq(again, made);
}
END_TEST

START_TEST(a_name_leads_to_its_image)
{
	char key[IMAGE_HEX + 1], other[IMAGE_HEX + 1];
	bool private = false;
	image_store_key("x:1", "", key);
	image_store_key("x:1", "linux/arm64", other);
	ck_assert(image_hex_ok(key));
	ck_assert_str_ne(key, other);
	ck_assert_int_lt(image_store_find(&store, key, &private, &err), 0);
	ck_assert_int_eq(err.code, ENOENT);
	publish(key, HB, HA, true);
	autofd fd = image_store_find(&store, key, &private, &err);
	ck_assert_int_ge(fd, 0);
	ck_assert(private);
	struct image_record r;
	ck_assert_int_eq(image_record_load(fd, &arena, &r, &err), 0);
	ck_assert_str_eq(r.digest, HB);
	publish(key, HC, HA, false); /* the name moved on; who has the old one keeps it */
	autofd moved = image_store_find(&store, key, &private, &err);
	ck_assert_int_ge(moved, 0);
	ck_assert(!private);
	ck_assert_int_eq(image_record_load(moved, &arena, &r, &err), 0);
	ck_assert_str_eq(r.digest, HC);
}
END_TEST

START_TEST(what_is_held_is_not_let_go)
{
	char key[IMAGE_HEX + 1];
	bool private;
	struct image_trimmed t;
	image_store_key("x", "", key);
	add_layer(HA, 1000);
	add_layer(HB, 1000);
	publish(key, HC, HA, false);
	autofd held = image_store_find(&store, key, &private, &err);
	ck_assert_int_ge(held, 0);
	ck_assert_int_eq(image_store_trim(&store, 0, &t, &err), 0);
	ck_assert_uint_eq(t.images, 0);
	ck_assert_uint_eq(t.freed, 1000); /* the layer of no image */
	ck_assert_uint_eq(t.left, 1000);
	fd_close(&held);
	ck_assert_int_eq(image_store_trim(&store, 0, &t, &err), 0);
	ck_assert_uint_eq(t.images, 1);
	ck_assert_int_lt(image_store_find(&store, key, &private, &err), 0);
}
END_TEST

START_TEST(nothing_goes_while_somebody_unpacks)
{
	struct image_trimmed t;
	add_layer(HA, 1000);
	autofd lock = image_store_lock(&store, false, &err);
	ck_assert_int_ge(lock, 0);
	ck_assert_int_eq(image_store_trim(&store, 0, &t, &err), 0);
	ck_assert_uint_eq(t.freed, 0);
	fd_close(&lock);
	ck_assert_int_eq(image_store_trim(&store, 0, &t, &err), 0);
	ck_assert_uint_eq(t.freed, 1000);
}
END_TEST

int main(void)
{
	Suite *s = suite_create("image");
	TCase *t = tcase_create("image");
	tcase_add_checked_fixture(t, setup, teardown);
	tcase_add_test(t, a_record_is_read_as_it_was_written);
	tcase_add_loop_test(t, what_is_no_record_is_refused, 0,
			    sizeof bad_records / sizeof *bad_records);
	tcase_add_test(t, faults_have_names);
	tcase_add_loop_test(t, sizes_are_shown, 0, sizeof sizes / sizeof *sizes);
	tcase_add_test(t, a_layer_is_found_by_what_it_is);
	tcase_add_test(t, a_name_leads_to_its_image);
	tcase_add_test(t, what_is_held_is_not_let_go);
	tcase_add_test(t, nothing_goes_while_somebody_unpacks);
	suite_add_tcase(s, t);
	SRunner *r = srunner_create(s);
	srunner_run_all(r, CK_ENV);
	int failed = srunner_ntests_failed(r);
	srunner_free(r);
	return failed != 0;
}
