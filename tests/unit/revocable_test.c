#include "runner/revocable.h"

#include "executor/secrets.h"

#include <check.h>
#include <stdlib.h>
#include <string.h>
#include <unistd.h>

static struct err e;

/* What the supervisor gets when a keeper sends a record: through a socket, as it is read. */
static int take(struct secret *store, uint32_t type, uint32_t id, const char *bytes)
{
	int pair[2];
	automsg out, in;
	ck_assert_int_eq(msg_pair(pair, &e), 0);
	msg_init(&out, type);
	msg_put_u32(&out, id);
	if (bytes)
		msg_put_bytes(&out, bytes, strlen(bytes));
	ck_assert_int_eq(msg_send(pair[0], &out, &e), 0);
	ck_assert_int_eq(msg_recv(pair[1], &in, &e), 1);
	struct err why = { 0 };
	int r = revocable_take(store, &in, &why);
	close(pair[0]);
	close(pair[1]);
	return r;
}

START_TEST(records_are_kept_and_forgotten)
{
	autosecret store = { 0 };
	ck_assert(!revocable_pending(&store));
	ck_assert_int_eq(take(&store, SECRETS_REVOCABLE, 1, "first"), 0);
	size_t one = store.n;
	ck_assert_int_eq(take(&store, SECRETS_REVOCABLE, 2, "second"), 0);
	ck_assert_int_eq(take(&store, SECRETS_REVOCABLE, 2, "other"), 0);
	ck_assert_uint_eq(store.n, 2 * one);
	ck_assert_int_eq(take(&store, SECRETS_GONE, 1, NULL), 0);
	ck_assert_uint_eq(store.n, one);
	ck_assert_ptr_nonnull(memmem(secret_expose(&store), store.n, "other", 5));
	ck_assert_int_eq(take(&store, SECRETS_GONE, 9, NULL), 0);
	ck_assert(revocable_pending(&store));
	ck_assert_int_eq(take(&store, SECRETS_GONE, 2, NULL), 0);
	ck_assert(!revocable_pending(&store));
}
END_TEST

START_TEST(other_messages_change_nothing)
{
	autosecret store = { 0 };
	ck_assert_int_eq(take(&store, SECRETS_REVOCABLE, 1, "kept"), 0);
	ck_assert_int_eq(take(&store, SECRETS_DONE, 1, "x"), -1);
	ck_assert_int_eq(take(&store, SECRETS_GONE, 1, "too much"), -1);
	ck_assert(revocable_pending(&store));
}
END_TEST

int main(void)
{
	Suite *s = suite_create("revocable");
	TCase *t = tcase_create("revocable");
	tcase_add_test(t, records_are_kept_and_forgotten);
	tcase_add_test(t, other_messages_change_nothing);
	suite_add_tcase(s, t);
	SRunner *r = srunner_create(s);
	srunner_run_all(r, CK_NORMAL);
	int failed = srunner_ntests_failed(r);
	srunner_free(r);
	return failed ? EXIT_FAILURE : EXIT_SUCCESS;
}
