#include "base/secret.h"

#include <check.h>
#include <stdlib.h>
#include <string.h>

START_TEST(unset_is_empty)
{
	autosecret s = { 0 };
	ck_assert_str_eq(secret_expose(&s), "");
	ck_assert_uint_eq(s.n, 0);
}
END_TEST

START_TEST(holds_any_bytes)
{
	struct err e = { 0 };
	autosecret s = { 0 };
	ck_assert_int_eq(secret_set(&s, "a\0b", 3, &e), 0);
	ck_assert_uint_eq(s.n, 3);
	ck_assert_int_eq(memcmp(secret_expose(&s), "a\0b", 4), 0);
	ck_assert_int_eq(secret_set(&s, NULL, 0, &e), 0);
	ck_assert_str_eq(secret_expose(&s), "");
}
END_TEST

START_TEST(may_be_set_from_itself)
{
	struct err e = { 0 };
	autosecret s = { 0 };
	ck_assert_int_eq(secret_set(&s, "long secret", 11, &e), 0);
	ck_assert_int_eq(secret_set(&s, secret_expose(&s) + 5, 6, &e), 0);
	ck_assert_str_eq(secret_expose(&s), "secret");
}
END_TEST

START_TEST(done_forgets)
{
	struct err e = { 0 };
	struct secret s = { 0 };
	ck_assert_int_eq(secret_set(&s, "x", 1, &e), 0);
	secret_done(&s);
	secret_done(&s);
	ck_assert_ptr_null(s.p);
	ck_assert_str_eq(secret_expose(&s), "");
}
END_TEST

int main(void)
{
	Suite *s = suite_create("secret");
	TCase *t = tcase_create("secret");
	tcase_add_test(t, unset_is_empty);
	tcase_add_test(t, holds_any_bytes);
	tcase_add_test(t, may_be_set_from_itself);
	tcase_add_test(t, done_forgets);
	suite_add_tcase(s, t);
	SRunner *r = srunner_create(s);
	srunner_run_all(r, CK_NORMAL);
	int failed = srunner_ntests_failed(r);
	srunner_free(r);
	return failed ? EXIT_FAILURE : EXIT_SUCCESS;
}
