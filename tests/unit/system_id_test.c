#include "runner/system_id.h"

#include "base/fd.h"
#include "base/sha256.h"

#include <check.h>
#include <fcntl.h>
#include <stdio.h>
#include <stdlib.h>
#include <string.h>
#include <sys/stat.h>

static const char *hex(const uint8_t *p)
{
	static char out[2 * SHA256_SIZE + 1];
	for (unsigned i = 0; i < SHA256_SIZE; i++)
		snprintf(out + 2 * i, 3, "%02x", p[i]);
	return out;
}

/* FIPS 180-4 and sha256sum(1) */
static const struct {
	const char *text;
	size_t repeat;
	const char *want;
} sums[] = {
	{ "", 1, "e3b0c44298fc1c149afbf4c8996fb92427ae41e4649b934ca495991b7852b855" },
	{ "abc", 1, "ba7816bf8f01cfea414140de5dae2223b00361a396177a9cb410ff61f20015ad" },
	{ "abcdbcdecdefdefgefghfghighijhijkijkljklmklmnlmnomnopnopq", 1,
	  "248d6a61d20638b8e5c026930c3e6039a33ce45964ff2167f6ecedd419db06c1" },
	{ "a", 1000000, "cdc76e5c9914fb9281a1c7e284d73e67f1809a48a497200e046d39ccc7112cd0" },
};

START_TEST(digests)
{
	uint8_t got[SHA256_SIZE];
	size_t n = strlen(sums[_i].text) * sums[_i].repeat;
	char *text = malloc(n + 1);
	for (size_t i = 0; i < n; i++)
		text[i] = sums[_i].text[i % strlen(sums[_i].text)];
	sha256(text, n, got);
	ck_assert_str_eq(hex(got), sums[_i].want);
	free(text);
}
END_TEST

START_TEST(a_mac)
{
	uint8_t got[SHA256_SIZE];
	sha256_hmac("Jefe", "what do ya want for nothing?", got); /* RFC 4231, case 2 */
	ck_assert_str_eq(hex(got),
			 "5bdcc146bf60754e6a042426089575c75a003f089d2739839dec58b964ec3843");
}
END_TEST

START_TEST(derived_from_the_machine)
{
	char id[SYSTEM_ID_SIZE];
	system_id_derive("0123456789abcdef0123456789abcdef", id);
	ck_assert_str_eq(id, "s_ee3af03959fe");
}
END_TEST

static int dir;
static char path[] = "/tmp/system-id-XXXXXX";

static void setup(void)
{
	memset(path + sizeof path - 7, 'X', 6);
	ck_assert_ptr_nonnull(mkdtemp(path));
	dir = open(path, O_RDONLY | O_DIRECTORY | O_CLOEXEC);
}

static void teardown(void)
{
	unlinkat(dir, ".runner_system_id", 0);
	fd_close(&dir);
	rmdir(path);
}

START_TEST(it_is_kept)
{
	char id[SYSTEM_ID_SIZE], again[SYSTEM_ID_SIZE];
	struct err e = { 0 };
	struct stat st;
	ck_assert_int_eq(system_id_load(dir, id, &e), 0);
	ck_assert_uint_eq(strlen(id), SYSTEM_ID_SIZE - 1);
	ck_assert_int_eq(system_id_load(dir, again, &e), 0);
	ck_assert_str_eq(id, again);
	ck_assert_int_eq(fstatat(dir, ".runner_system_id", &st, 0), 0);
	ck_assert_uint_eq(st.st_mode & 07777, 0600);
}
END_TEST

static void put(const char *text)
{
	struct err e = { 0 };
	autobuf b = BUF(100);
	ck_assert_int_eq(buf_str(&b, text, &e), 0);
	ck_assert_int_eq(fd_replace_file(dir, ".runner_system_id", 0600, &b, &e), 0);
}

START_TEST(what_is_there_counts_unless_it_is_damaged)
{
	static const char *const bad[] = { "",
					   "r_short",
					   "s_0123456789AB",
					   "x_0123456789ab",
					   "r_0123456789abc",
					   "r_0123456789-b" };
	char id[SYSTEM_ID_SIZE];
	struct err e = { 0 };
	put("r_0a1B2c3D4e5F\n");
	ck_assert_int_eq(system_id_load(dir, id, &e), 0);
	ck_assert_str_eq(id, "r_0a1B2c3D4e5F");
	for (size_t i = 0; i < sizeof bad / sizeof *bad; i++) {
		put(bad[i]);
		ck_assert_int_eq(system_id_load(dir, id, &e), 0);
		ck_assert_uint_eq(strlen(id), SYSTEM_ID_SIZE - 1);
		ck_assert_str_ne(id, bad[i]);
	}
}
END_TEST

START_TEST(an_id_without_a_place_is_still_one)
{
	char id[SYSTEM_ID_SIZE] = "";
	struct err e = { 0 };
	ck_assert_int_eq(system_id_load(-1, id, &e), -1);
	ck_assert_ptr_nonnull(strstr(e.msg, "system id"));
	ck_assert_uint_eq(strlen(id), SYSTEM_ID_SIZE - 1);
}
END_TEST

int main(void)
{
	Suite *s = suite_create("system_id");
	TCase *t = tcase_create("digests");
	tcase_add_loop_test(t, digests, 0, (int)(sizeof sums / sizeof *sums));
	tcase_add_test(t, a_mac);
	tcase_add_test(t, derived_from_the_machine);
	suite_add_tcase(s, t);
	t = tcase_create("file");
	tcase_add_checked_fixture(t, setup, teardown);
	tcase_add_test(t, it_is_kept);
	tcase_add_test(t, what_is_there_counts_unless_it_is_damaged);
	tcase_add_test(t, an_id_without_a_place_is_still_one);
	suite_add_tcase(s, t);
	SRunner *r = srunner_create(s);
	srunner_run_all(r, CK_ENV);
	int failed = srunner_ntests_failed(r);
	srunner_free(r);
	return failed ? EXIT_FAILURE : EXIT_SUCCESS;
}
