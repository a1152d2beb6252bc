/* Caches: what is saved comes back whole or not at all, nothing twice, never over the budget. */
#include "base/fd.h"
#include "executor/cache_list.h"
#include "executor/cache_store.h"
#include "executor/stage.h"

#include <check.h>
#include <dirent.h>
#include <fcntl.h>
#include <stdio.h>
#include <stdlib.h>
#include <string.h>
#include <sys/file.h>
#include <sys/mman.h>
#include <sys/stat.h>

enum { BIG = 300 << 10 };

static char root[] = "/tmp/courser-cache-XXXXXX";
static int top = -1;
static const struct cache_limits roomy = { .max = (uint64_t)1 << 30 };
static struct cache_entry entry;
static char big[BIG];

static void setup(void)
{
	snprintf(root, sizeof root, "/tmp/courser-cache-XXXXXX");
	ck_assert_ptr_nonnull(mkdtemp(root));
	top = open(root, O_RDONLY | O_DIRECTORY | O_CLOEXEC);
	unsigned x = 7;
	for (size_t i = 0; i < sizeof big; i++)
		big[i] = (char)((x = x * 1103515245u + 12345u) >> 16);
}

static void teardown(void)
{
	struct err e = { 0 };
	fd_close(&top);
	ck_assert_int_eq(fd_remove_tree(AT_FDCWD, root, &e), 0);
}

/* --- a cache in a memory file -------------------------------------------------------------------- */

static void put(struct cache_stream *s, char type, const char *path, const void *p, size_t n)
{
	struct err e = { 0 };
	entry = (struct cache_entry){ .type = type, .mode = 0644, .sec = 1000, .size = n };
	if (type == CACHE_LINK)
		snprintf(entry.target, sizeof entry.target, "%s", (const char *)p);
	if (type == CACHE_LINK || type == CACHE_DIR)
		entry.size = 0;
	snprintf(entry.path, sizeof entry.path, "%s", path);
	ck_assert_int_eq(cache_put(s, &entry, &e), 0);
	if (type == CACHE_FILE)
		ck_assert_int_eq(cache_put_data(s, p, n, &e), 0);
}

/* What an archiver would send: three files, the last one `text`. */
static struct cache_stream *stream_of(const char *text)
{
	struct err e = { 0 };
	struct cache_stream *s = cache_stream_new(memfd_create("cache", MFD_CLOEXEC), &e);
	put(s, CACHE_DIR, "d", "", 0);
	put(s, CACHE_FILE, "d/big", big, sizeof big);
	put(s, CACHE_FILE, "d/empty", "", 0);
	put(s, CACHE_FILE, "d/text", text, strlen(text));
	put(s, CACHE_LINK, "d/link", "text", 0);
	put(s, CACHE_END, "", "", 0);
	ck_assert_int_eq(cache_flush(s, &e), 0);
	ck_assert_int_eq((int)lseek(s->fd, 0, SEEK_SET), 0);
	return s;
}

static void done(struct cache_stream *s)
{
	close(s->fd);
	cache_stream_free(s);
}

static struct cache_moved moved; /* by the last one */

static int save_within(const char *store, const char *key, const char *text,
		       const struct cache_limits *l, struct err *e)
{
	struct cache_store s;
	struct cache_stream *from = stream_of(text);
	ck_assert_int_eq(cache_store_open(&s, top, store, l, e), 0);
	ck_assert_int_eq(cache_total(top, &s.total, e), 0);
	int r = cache_store_save(&s, key, from, &moved, e);
	cache_store_close(&s);
	done(from);
	return r;
}

static struct cache_moved save(const char *key, const char *text)
{
	struct err e = { 0 };
	ck_assert_msg(save_within("a", key, text, &roomy, &e) == 0, "%s", e.msg);
	return moved;
}

/* 1 and the text of d/text, 0 a miss, -1 broken off. */
static int load(const char *store, const char *key, char *text, struct err *e)
{
	struct cache_store s;
	struct cache_moved m;
	static char content[BIG + 1];
	struct cache_stream *to = cache_stream_new(memfd_create("cache", MFD_CLOEXEC), e);
	ck_assert_int_eq(cache_store_open(&s, top, store, &roomy, e), 0);
	int r = cache_store_load(&s, key, to, &m, e);
	cache_store_close(&s);
	ck_assert_int_eq((int)lseek(to->fd, 0, SEEK_SET), 0);
	to->at = to->len = 0;
	while (r > 0 && cache_get(to, &entry, e) == 0 && entry.type != CACHE_END) {
		ck_assert_uint_le(entry.size, BIG);
		ck_assert_int_eq(cache_get_data(to, content, (size_t)entry.size, e), 0);
		content[entry.size] = '\0';
		if (strcmp(entry.path, "d/text") == 0)
			memcpy(text, content, strnlen(content, 99) + 1);
		if (strcmp(entry.path, "d/big") == 0)
			ck_assert_mem_eq(content, big, BIG);
	}
	ck_assert(r <= 0 || entry.type == CACHE_END);
	done(to);
	return r;
}

static void expect(const char *key, const char *text)
{
	struct err e = { 0 };
	char got[100] = "";
	ck_assert_msg(load("a", key, got, &e) == 1, "%s: %s", key, e.msg);
	ck_assert_str_eq(got, text);
}

static unsigned count(const char *path)
{
	unsigned n = 0;
	char full[200];
	snprintf(full, sizeof full, "%s/%s", root, path);
	DIR *d = opendir(full);
	ck_assert_ptr_nonnull(d);
	for (struct dirent *de; (de = readdir(d)) != NULL;)
		n += de->d_name[0] != '.';
	closedir(d);
	return n;
}

/* --- tests --------------------------------------------------------------------------------------- */

START_TEST(there_and_back)
{
	struct err e = { 0 };
	char text[100];
	ck_assert_int_eq(load("a", "k", text, &e), 0);
	struct cache_moved m = save("k", "hello");
	ck_assert_uint_eq(m.files, 3);
	ck_assert_uint_eq(m.fresh, 3);
	ck_assert_uint_eq(m.bytes, BIG + 5);
	expect("k", "hello");
	ck_assert_int_eq(load("a", "other", text, &e), 0);
	ck_assert_int_eq(load("b", "k", text, &e), 0); /* another project's */
}
END_TEST

START_TEST(nothing_is_stored_twice)
{
	save("k", "one");
	ck_assert_uint_eq(save("k", "one").fresh, 0);
	ck_assert_uint_eq(save("k2", "two").fresh, 1);
	ck_assert_uint_eq(count("a/objects"), 4);
	expect("k", "one");
	expect("k2", "two");
}
END_TEST

START_TEST(a_stream_that_breaks_off_changes_nothing)
{
	struct err e = { 0 };
	struct cache_store s;
	struct cache_moved m;
	save("k", "before");
	struct cache_stream *from = stream_of("after");
	off_t size = lseek(from->fd, 0, SEEK_END);
	for (int part = 1; part < 10; part++) {
		err_clear(&e);
		ck_assert_int_eq(ftruncate(from->fd, size * (10 - part) / 10), 0);
		lseek(from->fd, 0, SEEK_SET);
		from->at = from->len = 0;
		ck_assert_int_eq(cache_store_open(&s, top, "a", &roomy, &e), 0);
		ck_assert_int_eq(cache_store_save(&s, "k", from, &m, &e), -1);
		ck_assert_ptr_nonnull(strstr(e.msg, "broke off"));
		cache_store_close(&s);
		expect("k", "before");
	}
	done(from);
}
END_TEST

/* The first file of a directory that has the suffix, changed or cut. */
static void spoil(const char *path, const char *suffix, bool cut)
{
	char full[600];
	snprintf(full, sizeof full, "%s/%s", root, path);
	DIR *d = opendir(full);
	ck_assert_ptr_nonnull(d);
	struct dirent *de;
	while ((de = readdir(d)) != NULL)
		if (de->d_name[0] != '.' && strstr(de->d_name, suffix))
			break;
	ck_assert_ptr_nonnull(de);
	snprintf(full, sizeof full, "%s/%s/%s", root, path, de->d_name);
	closedir(d);
	autofd fd = open(full, O_RDWR | O_CLOEXEC);
	struct stat st;
	ck_assert_int_eq(fstat(fd, &st), 0);
	if (cut)
		ck_assert_int_eq(ftruncate(fd, st.st_size / 2), 0);
	else
		ck_assert_int_eq(pwrite(fd, "\x55", 1, st.st_size / 2), 1);
}

struct damage {
	const char *path, *suffix;
	bool cut;
};

static const struct damage damages[] = {
	{ "a/objects", ".z", false },
	{ "a/objects", ".z", true },
	{ "a/keys", "", false },
	{ "a/keys", "", true },
};

START_TEST(damage_is_a_miss_and_mends)
{
	struct err e = { 0 };
	char text[100];
	save("k", "hello");
	spoil(damages[_i].path, damages[_i].suffix, damages[_i].cut);
	ck_assert_int_eq(load("a", "k", text, &e), -1);
	ck_assert_msg(strstr(e.msg, "damaged"), "%s", e.msg);
	err_clear(&e);
	ck_assert_int_eq(load("a", "k", text, &e), 0);
	save("k", "again");
	expect("k", "again");
}
END_TEST

static void used_at(const char *store, const char *key, time_t when)
{
	struct err e = { 0 };
	char name[DIGEST_HEX], path[200];
	struct timespec times[2] = { { when, 0 }, { when, 0 } };
	ck_assert_int_eq(cache_key_name(key, name, &e), 0);
	snprintf(path, sizeof path, "%s/%s/keys/%s", root, store, name);
	ck_assert_int_eq(utimensat(AT_FDCWD, path, times, 0), 0);
}

START_TEST(the_least_recently_used_go_first)
{
	struct err e = { 0 };
	char text[100];
	uint64_t total;
	save("old", "1");
	ck_assert_int_eq(save_within("b", "middle", "2", &roomy, &e), 0);
	save("new", "3");
	used_at("a", "old", 1000);
	used_at("b", "middle", 2000);
	used_at("a", "new", 3000);
	ck_assert_int_eq(cache_store_trim(top, 600 << 10, &total, &e), 0);
	ck_assert_uint_le(total, 600 << 10);
	expect("new", "3"); /* "old" shared its big file: the one in b had to go as well */
	ck_assert_int_eq(load("a", "old", text, &e), 0);
	ck_assert_int_eq(load("b", "middle", text, &e), 0);
	ck_assert_uint_eq(count("b/objects"), 0);
	ck_assert_int_eq(cache_store_trim(top, 0, &total, &e), 0);
	ck_assert_uint_eq(count("a/objects") + count("a/keys"), 0);
}
END_TEST

START_TEST(what_is_used_does_not_go)
{
	struct err e = { 0 };
	struct cache_store s;
	uint64_t total;
	save("k", "hello");
	ck_assert_int_eq(cache_store_open(&s, top, "a", &roomy, &e), 0);
	ck_assert_int_eq(cache_store_trim(top, 0, &total, &e), 0);
	ck_assert_uint_gt(total, BIG);
	cache_store_close(&s);
	expect("k", "hello");
}
END_TEST

START_TEST(limits_have_words)
{
	struct err e = { 0 };
	struct cache_limits l = { .max = 200 << 10 };
	ck_assert_int_eq(save_within("a", "k", "x", &l, &e), -1);
	ck_assert_msg(strstr(e.msg, "larger than"), "%s", e.msg);
	l = (struct cache_limits){ .max = (uint64_t)1 << 40, .floor = (uint64_t)1 << 60 };
	ck_assert_int_eq(save_within("a", "k", "x", &l, &e), -1);
	ck_assert_msg(strstr(e.msg, "are free"), "%s", e.msg);
	ck_assert_int_eq(e.code, ENOSPC);
	ck_assert_uint_eq(count("a/keys"), 0);
}
END_TEST

START_TEST(what_a_crash_left_goes)
{
	struct err e = { 0 };
	uint64_t total;
	save("k", "hello");
	autofd tmp = openat(top, "a/objects/.tmp-1", O_WRONLY | O_CREAT | O_CLOEXEC, 0600);
	autofd odd = openat(top, "a/objects/0123", O_WRONLY | O_CREAT | O_CLOEXEC, 0600);
	ck_assert(tmp >= 0 && odd >= 0);
	ck_assert_int_eq(fd_write_all(tmp, big, sizeof big, &e), 0);
	ck_assert_int_eq(cache_store_trim(top, 512 << 10, &total, &e), 0);
	ck_assert_int_lt(faccessat(top, "a/objects/.tmp-1", F_OK, 0), 0);
	ck_assert_int_lt(faccessat(top, "a/objects/0123", F_OK, 0), 0);
	expect("k", "hello");
}
END_TEST

/* What all files come to, and whether the store kept it. */
static uint64_t total_of(bool *ret_kept)
{
	struct err e = { 0 };
	struct stat st;
	uint64_t total;
	ck_assert_int_eq(cache_total(top, &total, &e), 0);
	ck_assert_int_eq(fstatat(top, "a/objects", &st, 0), 0);
	*ret_kept = st.st_mtim.tv_nsec == 271828182;
	return total;
}

START_TEST(a_sum_is_kept_until_something_changes)
{
	struct err e = { 0 };
	struct cache_store s;
	bool kept;
	save("k", "hello");
	uint64_t total = total_of(&kept);
	ck_assert(!kept);
	ck_assert_int_eq(cache_store_open(&s, top, "a", &roomy, &e), 0);
	cache_total_keep(top); /* somebody is at it */
	ck_assert_uint_eq(total_of(&kept), total);
	ck_assert(!kept);
	cache_store_close(&s);
	cache_total_keep(top);
	ck_assert_uint_eq(total_of(&kept), total);
	ck_assert(kept);
	save("k2", "other"); /* one object more: it is looked at again, and right */
	uint64_t more = total_of(&kept);
	ck_assert(!kept);
	ck_assert_uint_gt(more, total);
	cache_total_keep(top);
	ck_assert_uint_eq(total_of(&kept), more);
	ck_assert_int_eq(cache_store_trim(top, 0, &total, &e), 0);
	ck_assert_uint_lt(total_of(&kept), more);
	ck_assert(!kept);
}
END_TEST

/* A cache of d/text alone, by its digest. */
static int save_known(const char *key, const char *text, struct err *e)
{
	struct cache_store s;
	struct cache_stream *from = cache_stream_new(memfd_create("cache", MFD_CLOEXEC), e);
	uint8_t digest[DIGEST_SIZE];
	struct digest *d = digest_new(e);
	ck_assert_int_eq(digest_add(d, text, strlen(text), e), 0);
	ck_assert_int_eq(digest_end(d, digest, e), 0);
	digest_free(d);
	entry = (struct cache_entry){ .type = CACHE_KNOWN, .mode = 0644, .size = strlen(text) };
	snprintf(entry.path, sizeof entry.path, "d/text");
	digest_hex(digest, entry.target);
	ck_assert_int_eq(cache_put(from, &entry, e), 0);
	put(from, CACHE_END, "", "", 0);
	ck_assert_int_eq(cache_flush(from, e), 0);
	ck_assert_int_eq((int)lseek(from->fd, 0, SEEK_SET), 0);
	ck_assert_int_eq(cache_store_open(&s, top, "a", &roomy, e), 0);
	int r = cache_store_save(&s, key, from, &moved, e);
	cache_store_close(&s);
	done(from);
	return r;
}

START_TEST(what_is_known_is_not_sent)
{
	struct err e = { 0 };
	save("k", "hello");
	ck_assert_int_eq(save_known("k", "hello", &e), 0);  /* listed under this key */
	ck_assert_int_eq(save_known("k2", "hello", &e), 0); /* there under another one */
	ck_assert_uint_eq(moved.files, 1);
	ck_assert_uint_eq(moved.fresh, 0);
	expect("k", "hello");
	expect("k2", "hello");
	ck_assert_int_eq(save_known("k", "never seen", &e), -1);
	ck_assert_int_eq(e.code, ESTALE);
	expect("k", "hello");
}
END_TEST

/* --- the stage ----------------------------------------------------------------------------------- */

static void text_at(int dir, const char *path, const char *text)
{
	struct err e = { 0 };
	autofd fd = openat(dir, path, O_WRONLY | O_CREAT | O_TRUNC | O_CLOEXEC, 0644);
	ck_assert_msg(fd >= 0, "%s", path);
	ck_assert_int_eq(fd_write_all(fd, text, strlen(text), &e), 0);
}

static const char *text_of(int dir, const char *path)
{
	static char b[100];
	autofd fd = openat(dir, path, O_RDONLY | O_CLOEXEC | O_NOFOLLOW);
	ssize_t n = fd < 0 ? 0 : read(fd, b, sizeof b - 1);
	b[n > 0 ? n : 0] = '\0';
	return b;
}

START_TEST(a_stage_is_merged)
{
	static const char *const dirs[] = { "from",      "to",       "from/d", "to/d",
					    "from/only", "from/d/x", "to/f" };
	struct err e = { 0 };
	size_t kept;
	for (size_t i = 0; i < sizeof dirs / sizeof *dirs; i++)
		ck_assert_int_eq(mkdirat(top, dirs[i], 0755), 0);
	text_at(top, "from/only/a", "a");
	text_at(top, "from/d/both", "new");
	text_at(top, "to/d/both", "old");
	text_at(top, "to/d/theirs", "stays");
	text_at(top, "from/d/x/y", "y");
	text_at(top, "to/d/x", "a file in the way");
	text_at(top, "from/f", "a file for a directory");
	ck_assert_int_eq(symlinkat("/etc", top, "to/link"), 0);
	ck_assert_int_eq(mkdirat(top, "from/link", 0755), 0);
	text_at(top, "from/link/passwd", "evil");
	autofd from = openat(top, "from", O_RDONLY | O_DIRECTORY | O_CLOEXEC);
	autofd to = openat(top, "to", O_RDONLY | O_DIRECTORY | O_CLOEXEC);
	ck_assert_int_eq(stage_commit(from, to, &kept, &e), 0);
	ck_assert_str_eq(text_of(top, "to/only/a"), "a");
	ck_assert_str_eq(text_of(top, "to/d/both"), "new");
	ck_assert_str_eq(text_of(top, "to/d/theirs"), "stays");
	ck_assert_str_eq(text_of(top, "to/d/x"), "a file in the way");
	ck_assert_str_eq(text_of(top, "from/link/passwd"), "evil");
	ck_assert_uint_eq(kept, 3);
}
END_TEST

int main(void)
{
	Suite *s = suite_create("cache");
	TCase *t = tcase_create("all");
	tcase_set_timeout(t, 30);
	tcase_add_checked_fixture(t, setup, teardown);
	tcase_add_test(t, there_and_back);
	tcase_add_test(t, nothing_is_stored_twice);
	tcase_add_test(t, a_stream_that_breaks_off_changes_nothing);
	tcase_add_loop_test(t, damage_is_a_miss_and_mends, 0, sizeof damages / sizeof *damages);
	tcase_add_test(t, the_least_recently_used_go_first);
	tcase_add_test(t, what_is_used_does_not_go);
	tcase_add_test(t, limits_have_words);
	tcase_add_test(t, what_a_crash_left_goes);
	tcase_add_test(t, a_sum_is_kept_until_something_changes);
	tcase_add_test(t, what_is_known_is_not_sent);
	tcase_add_test(t, a_stage_is_merged);
	suite_add_tcase(s, t);
	SRunner *r = srunner_create(s);
	srunner_run_all(r, CK_ENV);
	int failed = srunner_ntests_failed(r);
	srunner_free(r);
	return failed != 0;
}
