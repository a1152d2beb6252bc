/* Archives: what is packed comes out again, and a hostile one brings nothing outside of its tree. */
#include "base/fd.h"
#include "executor/archive.h"
#include "executor/archive_unpack.h"

#include <archive.h>
#include <archive_entry.h>
#include <check.h>
#include <errno.h>
#include <fcntl.h>
#include <locale.h>
#include <stdio.h>
#include <stdlib.h>
#include <string.h>
#include <sys/mman.h>
#include <sys/stat.h>

enum { BIG = 700 << 10 };

static char root[] = "/tmp/courser-archive-XXXXXX";
static int top = -1, from = -1, to = -1;

static int made(const char *name)
{
	ck_assert_int_eq(mkdirat(top, name, 0755), 0);
	int fd = openat(top, name, O_RDONLY | O_DIRECTORY | O_CLOEXEC);
	ck_assert_int_ge(fd, 0);
	return fd;
}

static void setup(void)
{
	setlocale(LC_CTYPE, "C.UTF-8");
	umask(022);
	snprintf(root, sizeof root, "/tmp/courser-archive-XXXXXX");
	ck_assert_ptr_nonnull(mkdtemp(root));
	top = open(root, O_RDONLY | O_DIRECTORY | O_CLOEXEC);
	from = made("from");
	to = made("to");
}

static void teardown(void)
{
	struct err e = { 0 };
	fd_close(&from);
	fd_close(&to);
	fd_close(&top);
	ck_assert_int_eq(fd_remove_tree(AT_FDCWD, root, &e), 0);
}

static void write_at(int dir, const char *name, const void *p, size_t n, mode_t mode)
{
	struct err e = { 0 };
	autofd fd = openat(dir, name, O_WRONLY | O_CREAT | O_TRUNC | O_CLOEXEC, 0600);
	ck_assert_int_ge(fd, 0);
	ck_assert_int_eq(fd_write_all(fd, p, n, &e), 0);
	ck_assert_int_eq(fchmod(fd, mode), 0);
}

static void read_at(int dir, const char *name, struct buf *ret)
{
	struct err e = { 0 };
	autofd fd = openat(dir, name, O_RDONLY | O_CLOEXEC | O_NOFOLLOW);
	ck_assert_msg(fd >= 0, "%s", name);
	ck_assert_int_eq(fd_read_all(fd, ret, &e), 0);
}

static void expect(int dir, const char *name, const char *text)
{
	autobuf b = BUF(1 << 20);
	read_at(dir, name, &b);
	ck_assert_str_eq(buf_cstr(&b), text);
}

static bool exists(int dir, const char *name)
{
	struct stat st;
	return fstatat(dir, name, &st, AT_SYMLINK_NOFOLLOW) == 0;
}

static int to_fd(void *arg, const void *p, size_t n, struct err *e)
{
	return fd_write_all(*(int *)arg, p, n, e);
}

static int pack(enum archive_format f, const char *const *paths, uint8_t *digest, struct err *e)
{
	int out = memfd_create("archive", MFD_CLOEXEC);
	struct archive_options o = { f, "fast", { to_fd, &out } };
	struct archive_writer *w = archive_writer_new(&o, e);
	ck_assert_ptr_nonnull(w);
	int r = 0;
	for (; r == 0 && *paths; paths++)
		r = archive_writer_add(w, from, *paths, digest, e);
	if (r == 0)
		r = archive_writer_end(w, e);
	archive_writer_free(w);
	if (r)
		fd_close(&out);
	return out;
}

static int unpack(int in, const struct archive_limits *l, struct err *e)
{
	struct archive_unpacked u;
	return archive_unpack(in, to, l, &u, e);
}

static const enum archive_format containers[] = { ARCHIVE_ZIP, ARCHIVE_ZIPZSTD, ARCHIVE_TARZSTD };
static const struct archive_limits limits = ARCHIVE_LIMITS;

/* --- there and back ----------------------------------------------------------------------------- */

static char big[BIG];

static void make_tree(void)
{
	unsigned x = 1;
	for (size_t i = 0; i < sizeof big; i++)
		big[i] = (char)((x = x * 1103515245u + 12345u) >> 16);
	ck_assert_int_eq(mkdirat(from, "d", 0755), 0);
	ck_assert_int_eq(mkdirat(from, "d/empty", 0750), 0);
	write_at(from, "d/plain", "hello", 5, 0644);
	write_at(from, "d/run", "#!/bin/sh\n", 10, 04755);
	write_at(from, "nothing", "", 0, 0600);
	write_at(from, "n\xc3\xa4me", "x", 1, 0644);
	write_at(from, "big", big, sizeof big, 0644);
	ck_assert_int_eq(symlinkat("/etc/passwd", from, "link"), 0);
}

START_TEST(there_and_back)
{
	static const char *const paths[] = { "big",         "d",     "d/empty",
					     "d/plain",     "d/run", "nothing",
					     "n\xc3\xa4me", "link",  NULL };
	struct err e = { 0 };
	char target[32] = "";
	struct stat st;
	autobuf b = BUF(1 << 20);
	make_tree();
	struct timespec when[2] = { { 1000000000, 0 }, { 1000000000, 0 } };
	ck_assert_int_eq(utimensat(from, "d/plain", when, 0), 0);
	autofd in = pack(containers[_i], paths, NULL, &e);
	ck_assert_msg(in >= 0, "%s", e.msg);
	ck_assert_msg(unpack(in, &limits, &e) == 0, "%s", e.msg);
	expect(to, "d/plain", "hello");
	expect(to, "nothing", "");
	expect(to, "n\xc3\xa4me", "x");
	read_at(to, "big", &b);
	ck_assert_uint_eq(b.len, sizeof big);
	ck_assert_mem_eq(b.p, big, sizeof big);
	ck_assert_int_eq(fstatat(to, "d/run", &st, 0), 0);
	ck_assert_uint_eq(st.st_mode & 07777, 0755);
	ck_assert_int_eq(fstatat(to, "d/plain", &st, 0), 0);
	ck_assert_int_eq(st.st_mtim.tv_sec, 1000000000);
	ck_assert_int_eq(fstatat(to, "d/empty", &st, 0), 0);
	ck_assert(S_ISDIR(st.st_mode));
	ck_assert_int_eq(readlinkat(to, "link", target, sizeof target - 1), 11);
	ck_assert_str_eq(target, "/etc/passwd");
	ck_assert_msg(unpack(in, &limits, &e) == 0, "a second time: %s", e.msg);
}
END_TEST

START_TEST(digests)
{
	static const char *const paths[] = { "abc", NULL };
	uint8_t digest[DIGEST_SIZE];
	char hex[DIGEST_HEX];
	struct err e = { 0 };
	write_at(from, "abc", "abc", 3, 0644);
	autofd in = pack(ARCHIVE_ZIP, paths, digest, &e);
	ck_assert_int_ge(in, 0);
	digest_hex(digest, hex);
	ck_assert_str_eq(hex, "ba7816bf8f01cfea414140de5dae2223b00361a396177a9cb410ff61f20015ad");
}
END_TEST

START_TEST(raw_is_one_file)
{
	static const char *const one[] = { "a", NULL }, *const two[] = { "a", "b", NULL };
	struct err e = { 0 };
	autobuf b = BUF(100);
	write_at(from, "a", "as it is", 8, 0644);
	write_at(from, "b", "b", 1, 0644);
	autofd in = pack(ARCHIVE_RAW, one, NULL, &e);
	ck_assert_int_ge(in, 0);
	lseek(in, 0, SEEK_SET);
	ck_assert_int_eq(fd_read_all(in, &b, &e), 0);
	ck_assert_str_eq(buf_cstr(&b), "as it is");
	ck_assert_int_lt(pack(ARCHIVE_RAW, two, NULL, &e), 0);
	ck_assert_ptr_nonnull(strstr(e.msg, "only one file"));
}
END_TEST

/* Two members: the name stands in each header, behind ten bytes of which the fourth says so. */
START_TEST(gzip_members)
{
	static const char *const paths[] = { "d", "d/junit.xml", "other.xml", NULL };
	struct err e = { 0 };
	autobuf b = BUF(4096);
	ck_assert_int_eq(mkdirat(from, "d", 0755), 0);
	write_at(from, "d/junit.xml", "<a/>", 4, 0644);
	write_at(from, "other.xml", "<b/>", 4, 0644);
	autofd in = pack(ARCHIVE_GZIP, paths, NULL, &e);
	ck_assert_int_ge(in, 0);
	lseek(in, 0, SEEK_SET);
	ck_assert_int_eq(fd_read_all(in, &b, &e), 0);
	ck_assert_mem_eq(b.p, "\x1f\x8b\x08\x08", 4);
	ck_assert_str_eq(b.p + 10, "junit.xml");
	const char *second = memmem(b.p + 4, b.len - 4, "\x1f\x8b\x08\x08", 4);
	ck_assert_ptr_nonnull(second);
	ck_assert_str_eq(second + 10, "other.xml");
}
END_TEST

START_TEST(what_cannot_be_read_is_left_out)
{
	struct err e = { 0 };
	int out = memfd_create("archive", MFD_CLOEXEC);
	struct archive_options o = { ARCHIVE_ZIP, "", { to_fd, &out } };
	struct archive_writer *w = archive_writer_new(&o, &e);
	ck_assert_ptr_nonnull(w);
	ck_assert_int_eq(mkfifoat(from, "fifo", 0600), 0);
	ck_assert_int_eq(archive_writer_add(w, from, "gone", NULL, &e), 1);
	ck_assert_int_eq(archive_writer_add(w, from, "fifo", NULL, &e), 1);
	ck_assert_int_eq(archive_writer_bytes(w, "made/up", "text", 4, &e), 0);
	ck_assert_int_eq(archive_writer_end(w, &e), 0);
	archive_writer_free(w);
	ck_assert_int_eq(unpack(out, &limits, &e), 0);
	expect(to, "made/up", "text");
	fd_close(&out);
}
END_TEST

static int no_room(void *arg, const void *p, size_t n, struct err *e)
{
	(void)arg, (void)p, (void)n;
	return err_set(e, ENOSPC, "no room");
}

START_TEST(a_full_disk_is_said)
{
	struct err e = { 0 };
	struct archive_options o = { containers[_i], "", { no_room, NULL } };
	struct archive_writer *w = archive_writer_new(&o, &e);
	ck_assert_ptr_nonnull(w);
	make_tree();
	int r = archive_writer_add(w, from, "big", NULL, &e);
	if (r == 0)
		r = archive_writer_end(w, &e);
	ck_assert_int_eq(r, -1);
	ck_assert_int_eq(e.code, ENOSPC);
	archive_writer_free(w);
}
END_TEST

/* --- hostile ------------------------------------------------------------------------------------ */

struct entry {
	const char *path, *link, *hard;
	mode_t mode;
};

struct hostile {
	const char *words; /* in the error; NULL: it is unpacked */
	struct entry entries[3];
};

static const struct hostile hostiles[] = {
	{ "..", { { "../evil", NULL, NULL, S_IFREG | 0644 } } },
	{ "..", { { "a/../../evil", NULL, NULL, S_IFREG | 0644 } } },
	{ "absolute", { { "/tmp/courser-evil", NULL, NULL, S_IFREG | 0644 } } },
	{ "is no directory",
	  { { "l", "..", NULL, S_IFLNK | 0777 }, { "l/evil", NULL, NULL, S_IFREG | 0644 } } },
	{ "is no directory",
	  { { "l", "..", NULL, S_IFLNK | 0777 }, { "l", NULL, NULL, S_IFDIR | 0755 } } },
	{ NULL, { { "l", "../evil", NULL, S_IFLNK | 0777 }, { "l", NULL, NULL, S_IFREG | 0644 } } },
	{ "neither", { { "dev", NULL, NULL, S_IFCHR | 0666 } } },
	{ "neither", { { "pipe", NULL, NULL, S_IFIFO | 0666 } } },
	{ "..", { { "h", NULL, "../outside", S_IFREG | 0644 } } },
	{ "absolute", { { "h", NULL, "/etc/passwd", S_IFREG | 0644 } } },
	{ "ymbolic link",
	  { { "l", "..", NULL, S_IFLNK | 0777 }, { "h", NULL, "l/outside", S_IFREG | 0644 } } },
	{ NULL, { { "./a//b/./c", NULL, NULL, S_IFREG | 04711 } } },
};

static int tar_of(const struct entry *entries, size_t n)
{
	int out = memfd_create("tar", MFD_CLOEXEC);
	struct archive *a = archive_write_new();
	archive_write_set_format_pax(a);
	ck_assert_int_eq(archive_write_open_fd(a, out), ARCHIVE_OK);
	for (size_t i = 0; i < n && entries[i].path; i++) {
		struct archive_entry *x = archive_entry_new();
		archive_entry_set_pathname(x, entries[i].path);
		archive_entry_set_mode(x, entries[i].mode);
		if (entries[i].link)
			archive_entry_set_symlink(x, entries[i].link);
		if (entries[i].hard)
			archive_entry_set_hardlink(x, entries[i].hard);
		else if (S_ISREG(entries[i].mode))
			archive_entry_set_size(x, 4);
		ck_assert_int_eq(archive_write_header(a, x), ARCHIVE_OK);
		if (S_ISREG(entries[i].mode) && !entries[i].hard)
			ck_assert_int_eq((int)archive_write_data(a, "evil", 4), 4);
		archive_entry_free(x);
	}
	ck_assert_int_eq(archive_write_close(a), ARCHIVE_OK);
	archive_write_free(a);
	return out;
}

START_TEST(hostile)
{
	const struct hostile *h = &hostiles[_i];
	struct err e = { 0 };
	write_at(top, "outside", "mine", 4, 0600);
	autofd in = tar_of(h->entries, 3);
	int r = unpack(in, &limits, &e);
	ck_assert_msg((r == 0) == (h->words == NULL), "%d %s", _i, e.msg);
	if (h->words)
		ck_assert_msg(strstr(e.msg, h->words) != NULL, "%d %s", _i, e.msg);
	ck_assert(!exists(top, "evil"));
	ck_assert_int_ne(access("/tmp/courser-evil", F_OK), 0);
	ck_assert(!exists(to, "dev") && !exists(to, "pipe") && !exists(to, "h"));
	expect(top, "outside", "mine");
	struct stat st;
	if (exists(to, "a/b/c") && fstatat(to, "a/b/c", &st, 0) == 0)
		ck_assert_uint_eq(st.st_mode & 07777, 0711);
}
END_TEST

/* A link of the tree's own, where a directory of the archive should go. */
START_TEST(links_that_were_there)
{
	static const struct entry entries[] = { { "d/evil", NULL, NULL, S_IFREG | 0644 } };
	struct err e = { 0 };
	ck_assert_int_eq(symlinkat("..", to, "d"), 0);
	autofd in = tar_of(entries, 1);
	ck_assert_int_eq(unpack(in, &limits, &e), -1);
	ck_assert_ptr_nonnull(strstr(e.msg, "d/evil"));
	ck_assert(!exists(top, "evil"));
}
END_TEST

START_TEST(cut_short)
{
	static const char *const paths[] = { "big", NULL };
	struct err e = { 0 };
	make_tree();
	autofd in = pack(containers[_i], paths, NULL, &e);
	off_t size = lseek(in, 0, SEEK_END);
	bool named = false;
	for (int part = 1; part < 8; part++) {
		err_clear(&e);
		ck_assert_int_eq(ftruncate(in, size * (8 - part) / 8), 0);
		ck_assert_int_eq(unpack(in, &limits, &e), -1);
		ck_assert_int_eq(e.code, EBADMSG);
		ck_assert_msg(strstr(e.msg, "damaged or cut short"), "%s", e.msg);
		named |= strstr(e.msg, "big: ") != NULL;
	}
	ck_assert(named == (containers[_i] == ARCHIVE_TARZSTD)); /* of a zip nothing begins */
	ck_assert(exists(to, "big") == named);
}
END_TEST

/* Of a zip: libarchive's zstd carries no sum. */
START_TEST(a_changed_byte)
{
	static const char *const paths[] = { "big", NULL };
	struct err e = { 0 };
	char c;
	make_tree();
	autofd in = pack(containers[_i], paths, NULL, &e);
	ck_assert_int_eq(pread(in, &c, 1, 300 << 10), 1);
	c ^= 0x55;
	ck_assert_int_eq(pwrite(in, &c, 1, 300 << 10), 1);
	ck_assert_int_eq(unpack(in, &limits, &e), -1);
	ck_assert_msg(strstr(e.msg, "big"), "%s", e.msg);
}
END_TEST

START_TEST(limits_have_words)
{
	static const char *const paths[] = { "zeros", "nothing", NULL };
	struct err e = { 0 };
	memset(big, 0, sizeof big);
	write_at(from, "zeros", big, sizeof big, 0644);
	write_at(from, "nothing", "", 0, 0644);
	autofd in = pack(ARCHIVE_ZIP, paths, NULL, &e);
	struct archive_limits l = ARCHIVE_LIMITS;
	l.entries = 1;
	ck_assert_int_eq(unpack(in, &l, &e), -1);
	ck_assert_ptr_nonnull(strstr(e.msg, "more than 1 entries"));
	l = (struct archive_limits)ARCHIVE_LIMITS;
	l.bytes = 1000;
	ck_assert_int_eq(unpack(in, &l, &e), -1);
	ck_assert_ptr_nonnull(strstr(e.msg, "zeros: more than 1000 bytes"));
	l = (struct archive_limits)ARCHIVE_LIMITS;
	l.ratio = 50;
	l.ratio_from = 1000;
	ck_assert_int_eq(unpack(in, &l, &e), -1);
	ck_assert_ptr_nonnull(strstr(e.msg, "more than 50 times"));
	ck_assert_int_eq(e.code, EFBIG);
}
END_TEST

/* One stored file: the head of an lzma stream that wants a dictionary of 4 GiB. What it is packed with
 * stands at two places. */
static const unsigned char tiny_zip[] = {
	0x50, 0x4b, 0x03, 0x04, 0x3f, 0x00, 0x00, 0x00, 0x00, 0x00, 0x00, 0x00, 0x21, 0x00,
	0x31, 0xa8, 0xe0, 0x82, 0x09, 0x00, 0x00, 0x00, 0x09, 0x00, 0x00, 0x00, 0x01, 0x00,
	0x00, 0x00, 0x61, 0x09, 0x04, 0x05, 0x00, 0x5d, 0xff, 0xff, 0xff, 0xff, 0x50, 0x4b,
	0x01, 0x02, 0x3f, 0x03, 0x3f, 0x00, 0x00, 0x00, 0x00, 0x00, 0x00, 0x00, 0x21, 0x00,
	0x31, 0xa8, 0xe0, 0x82, 0x09, 0x00, 0x00, 0x00, 0x09, 0x00, 0x00, 0x00, 0x01, 0x00,
	0x00, 0x00, 0x00, 0x00, 0x00, 0x00, 0x00, 0x00, 0x00, 0x00, 0xa4, 0x81, 0x00, 0x00,
	0x00, 0x00, 0x61, 0x50, 0x4b, 0x05, 0x06, 0x00, 0x00, 0x00, 0x00, 0x01, 0x00, 0x01,
	0x00, 0x2f, 0x00, 0x00, 0x00, 0x28, 0x00, 0x00, 0x00, 0x00, 0x00,
};
enum { LOCAL_METHOD = 8, METHOD = 40 + 10 };

static const struct {
	unsigned char method;
	int code;
} packings[] = { { 0, 0 }, { 12, EPERM }, { 14, EPERM }, { 95, EPERM }, { 98, EPERM } };

START_TEST(packings_of_a_zip)
{
	struct err e = { 0 };
	unsigned char zip[sizeof tiny_zip];
	autofd in = memfd_create("zip", MFD_CLOEXEC);
	memcpy(zip, tiny_zip, sizeof zip);
	zip[LOCAL_METHOD] = zip[METHOD] = packings[_i].method;
	ck_assert_int_eq(fd_write_all(in, zip, sizeof zip, &e), 0);
	ck_assert_int_eq(unpack(in, &limits, &e), packings[_i].code ? -1 : 0);
	ck_assert_int_eq(e.code, packings[_i].code);
	ck_assert(packings[_i].code == 0 || strstr(e.msg, "a: it is neither stored"));
}
END_TEST

START_TEST(no_archive_at_all)
{
	struct err e = { 0 };
	autofd in = memfd_create("text", MFD_CLOEXEC);
	ck_assert_int_eq(write(in, "hello\n", 6), 6);
	ck_assert_int_eq(unpack(in, &limits, &e), -1);
	ck_assert_int_eq(e.code, EBADMSG);
}
END_TEST

int main(void)
{
	Suite *s = suite_create("archive");
	TCase *t = tcase_create("all");
	int n = sizeof containers / sizeof *containers;
	tcase_set_timeout(t, 30);
	tcase_add_checked_fixture(t, setup, teardown);
	tcase_add_loop_test(t, there_and_back, 0, n);
	tcase_add_test(t, digests);
	tcase_add_test(t, raw_is_one_file);
	tcase_add_test(t, gzip_members);
	tcase_add_test(t, what_cannot_be_read_is_left_out);
	tcase_add_loop_test(t, a_full_disk_is_said, 0, n);
	tcase_add_loop_test(t, hostile, 0, sizeof hostiles / sizeof *hostiles);
	tcase_add_test(t, links_that_were_there);
	tcase_add_loop_test(t, cut_short, 0, n);
	tcase_add_loop_test(t, a_changed_byte, 0, 2);
	tcase_add_test(t, limits_have_words);
	tcase_add_loop_test(t, packings_of_a_zip, 0, sizeof packings / sizeof *packings);
	tcase_add_test(t, no_archive_at_all);
	suite_add_tcase(s, t);
	SRunner *r = srunner_create(s);
	srunner_run_all(r, CK_ENV);
	int failed = srunner_ntests_failed(r);
	srunner_free(r);
	return failed != 0;
}
