#include "executor/secrets.h"

#include "base/fd.h"

#include <check.h>
#include <errno.h>
#include <stdio.h>
#include <stdlib.h>
#include <string.h>
#include <sys/wait.h>

static struct arena arena;
static struct err e;
static struct vars *vars;
static struct buf said;
static int pair[2];
static pid_t keeper;

static void say(void *arg, enum say_style style, const char *line)
{
	struct err ignored = { 0 };
	(void)arg;
	int r = buf_printf(&said, &ignored, "%d %s\n", (int)style, line);
	ck_assert_int_eq(r, 0);
}

static void set(const char *key, const char *value)
{
	int r = vars_set(vars, key, value, 0, &e);
	ck_assert_msg(r == 0, "%s", e.msg);
}

static void setup(void)
{
	arena = (struct arena)ARENA(32 << 20);
	e = (struct err){ 0 };
	said = (struct buf)BUF(64 << 10);
	vars = vars_new(&arena, &e);
	ck_assert_ptr_nonnull(vars);
	set("RUNNER_TEMP_PROJECT_DIR", "/t");
	set("VAULT_SERVER_URL", "https://vault.example.com");
	set("TOKEN", "eyJ.x.y");
	set("STAGE", "prod");
	ck_assert_int_eq(msg_pair(pair, &e), 0);
	keeper = 0;
}

static void teardown(void)
{
	fd_close(&pair[0]);
	fd_close(&pair[1]);
	if (keeper)
		waitpid(keeper, NULL, 0);
	buf_done(&said);
	arena_done(&arena);
}

/* What the other end does for the n-th READ (from 1); it sees what was asked. */
typedef void answer_fn(int sock, const struct secrets_read *r, unsigned n);

static void send_value(int sock, const char *name, const void *p, size_t n)
{
	struct err why = { 0 };
	automsg m;
	int made;
	msg_init(&m, SECRETS_VALUE);
	msg_put_str(&m, name);
	if (secrets_put_bytes(&m, p, n, &made, &why) < 0 || msg_send(sock, &m, &why) < 0)
		_exit(3);
	fd_close(&made);
}

static void send_failed(int sock, const char *name, uint32_t class, const char *text)
{
	struct err why = { 0 };
	automsg m;
	msg_init(&m, SECRETS_FAILED);
	msg_put_str(&m, name);
	msg_put_u32(&m, class);
	msg_put_str(&m, text);
	if (msg_send(sock, &m, &why) < 0)
		_exit(3);
}

static void send_done(int sock, uint32_t failed)
{
	struct err why = { 0 };
	automsg m;
	msg_init(&m, SECRETS_DONE);
	msg_put_u32(&m, 1);
	msg_put_u32(&m, failed);
	msg_put_str(&m, failed ? "not today" : "");
	if (msg_send(sock, &m, &why) < 0)
		_exit(3);
}

static void peer(int sock, answer_fn *answer, uint32_t left)
{
	struct err why = { 0 };
	for (unsigned n = 1;; n++) {
		struct secrets_read r;
		automsg m;
		if (msg_recv(sock, &m, &why) <= 0)
			_exit(0);
		if (m.type == SECRETS_LEAVE) {
			send_done(sock, left);
			_exit(0);
		}
		secrets_get_read(&m, &r);
		if (m.type != SECRETS_READ || msg_end(&m, &why) < 0)
			_exit(2);
		answer(sock, &r, n);
	}
}

static void start(answer_fn *answer, uint32_t left)
{
	keeper = fork();
	ck_assert_int_ge(keeper, 0);
	if (keeper == 0) {
		fd_close(&pair[0]);
		peer(pair[1], answer, left);
	}
	fd_close(&pair[1]);
}

static const struct job_secret db = {
	.name = "DB_PW",
	.source = JOB_SECRET_VAULT,
	.provider = "vault",
	.url = "$VAULT_SERVER_URL",
	.space = "",
	.auth_name = "jwt",
	.auth_path = "jwt",
	.jwt = "$TOKEN",
	.role = "",
	.engine = "kv-v2",
	.mount = "ops",
	.path = "${STAGE}/db",
	.field = "password",
};

static struct secrets_job job_of(const struct job_secret *secrets, size_t n)
{
	return (struct secrets_job){
		.secrets = secrets,
		.n = n,
		.vars = vars,
		.arena = &arena,
		.keeper = pair[0],
		.fail_if_missing = true,
		.say = say,
	};
}

/* The path that was asked for comes back, so that expansion shows. */
static void echo(int sock, const struct secrets_read *r, unsigned n)
{
	char text[256];
	(void)n;
	int len = snprintf(text, sizeof text, "%s|%s|%s|%s", r->url, r->jwt, r->path, r->field);
	send_value(sock, r->name, text, (size_t)len);
}

START_TEST(test_variable_and_file)
{
	struct job_secret two[] = { db, db };
	two[1].name = "KEY_FILE";
	two[1].file = true;
	struct secrets_job s = job_of(two, 2);
	ck_assert_int_eq(vars_resolve(vars, &e), 0);
	start(echo, 0);
	int r = secrets_resolve(&s, &e);
	ck_assert_msg(r == 0, "%s", e.msg);
	static const char want[] = "https://vault.example.com|eyJ.x.y|prod/db|password";
	ck_assert_str_eq(vars_get(vars, "DB_PW"), want);
	ck_assert_uint_eq(vars_find(vars, "DB_PW")->flags, VAR_MASKED | VAR_RAW);
	ck_assert_str_eq(vars_get(vars, "KEY_FILE"), "/t/KEY_FILE");
	ck_assert_str_eq(vars_find(vars, "KEY_FILE")->content, want);
	ck_assert_str_eq(buf_cstr(&said), "0 Resolving secret \"DB_PW\"...\n"
					  "0 Using \"vault\" secret resolver...\n"
					  "0 Resolving secret \"KEY_FILE\"...\n"
					  "0 Using \"vault\" secret resolver...\n");
	ck_assert_int_eq(secrets_leave(&s, &e), 0);
}
END_TEST

static void long_value(int sock, const struct secrets_read *r, unsigned n)
{
	struct err why = { 0 };
	char *big = calloc(1, 200000);
	automsg m;
	int made;
	(void)n;
	msg_init(&m, SECRETS_MASK);
	if (!big || secrets_put_bytes(&m, "a-leaf", 6, &made, &why) < 0 ||
	    msg_send(sock, &m, &why) < 0)
		_exit(3);
	memset(big, 'x', 200000);
	send_value(sock, r->name, big, 200000);
	free(big);
}

static int count_masked(void *arg, const char *p, size_t n, struct err *why)
{
	(void)why;
	*(unsigned *)arg += n == 200000 || (n == 6 && memcmp(p, "a-leaf", n) == 0);
	return 0;
}

START_TEST(test_long_value_and_leaf)
{
	unsigned masked = 0;
	struct secrets_job s = job_of(&db, 1);
	start(long_value, 0);
	int r = secrets_resolve(&s, &e);
	ck_assert_msg(r == 0, "%s", e.msg);
	ck_assert_uint_eq(strlen(vars_get(vars, "DB_PW")), 200000);
	ck_assert_int_eq(vars_masked(vars, count_masked, &masked, &e), 0);
	ck_assert_uint_eq(masked, 2);
}
END_TEST

static void missing(int sock, const struct secrets_read *r, unsigned n)
{
	(void)n;
	send_failed(sock, r->name, SECRETS_MISSING, "ops/prod/db: there is no such secret");
}

START_TEST(test_missing)
{
	struct secrets_job s = job_of(&db, 1);
	start(missing, 0);
	ck_assert_int_eq(secrets_resolve(&s, &e), -1);
	ck_assert_int_eq(s.failure, SECRETS_MISSING);
	ck_assert_str_eq(e.msg, "resolving secrets: secret not found: DB_PW: ops/prod/db: there is "
				"no such secret");
	ck_assert_ptr_null(vars_find(vars, "DB_PW"));
	s.fail_if_missing = false;
	err_clear(&e);
	ck_assert_int_eq(secrets_resolve(&s, &e), 0);
	ck_assert_str_eq(vars_get(vars, "DB_PW"), "");
	ck_assert_ptr_nonnull(vars_find(vars, "DB_PW"));
}
END_TEST

static void second_time(int sock, const struct secrets_read *r, unsigned n)
{
	if (n < 3)
		send_failed(sock, r->name, SECRETS_EXTERNAL, "api error: status code 503: sealed");
	else
		send_value(sock, r->name, "v", 1);
}

START_TEST(test_attempts)
{
	struct secrets_job s = job_of(&db, 1);
	start(second_time, 0);
	ck_assert_int_eq(secrets_resolve(&s, &e), -1);
	ck_assert_int_eq(s.failure, SECRETS_EXTERNAL);
	ck_assert_str_eq(e.msg, "resolving secrets: api error: status code 503: sealed");
	set("SECRETS_RETRIEVAL_ATTEMPTS", "2");
	err_clear(&e);
	int r = secrets_resolve(&s, &e);
	ck_assert_msg(r == 0, "%s", e.msg);
	ck_assert_str_eq(vars_get(vars, "DB_PW"), "v");
	ck_assert_ptr_nonnull(strstr(buf_cstr(&said), "WARNING: Retrying..."));
	set("SECRETS_RETRIEVAL_ATTEMPTS", "99");
	ck_assert_int_eq(secrets_resolve(&s, &e), 0);
	ck_assert_ptr_nonnull(strstr(buf_cstr(&said), "got \"99\", using 10"));
	set("SECRETS_RETRIEVAL_ATTEMPTS", "none");
	ck_assert_int_eq(secrets_resolve(&s, &e), 0);
	ck_assert_ptr_nonnull(strstr(buf_cstr(&said), "got \"none\", using 1"));
}
END_TEST

START_TEST(test_no_resolver_no_address_no_keeper)
{
	struct job_secret other = db;
	other.source = JOB_SECRET_OTHER;
	other.provider = "azure_key_vault";
	struct secrets_job s = job_of(&other, 1);
	s.keeper = -1;
	ck_assert_int_eq(secrets_resolve(&s, &e), 0);
	ck_assert_ptr_null(vars_find(vars, "DB_PW"));
	ck_assert_ptr_nonnull(strstr(buf_cstr(&said), "Not resolved: no resolver that can handle"));
	s.secrets = &db;
	ck_assert_int_eq(secrets_resolve(&s, &e), -1);
	ck_assert_int_eq(s.failure, SECRETS_SYSTEM);
	s.keeper = pair[0];
	set("VAULT_SERVER_URL", "");
	ck_assert_int_eq(secrets_resolve(&s, &e), -1);
	ck_assert_int_eq(s.failure, SECRETS_CONFIG);
	ck_assert_ptr_nonnull(strstr(e.msg, "VAULT_SERVER_URL"));
}
END_TEST

static void die(int sock, const struct secrets_read *r, unsigned n)
{
	(void)sock;
	(void)r;
	_exit((int)n);
}

static int cancelled(void *arg, int fd, int ms, struct err *why)
{
	(void)arg;
	(void)fd;
	(void)ms;
	return err_set(why, ECANCELED, "canceled");
}

START_TEST(test_ends)
{
	struct secrets_job s = job_of(&db, 1);
	set("SECRETS_RETRIEVAL_ATTEMPTS", "10");
	start(die, 0);
	s.wait = cancelled;
	ck_assert_int_eq(secrets_resolve(&s, &e), -1);
	ck_assert_int_eq(e.code, ECANCELED);
	s.wait = NULL;
	ck_assert_int_eq(secrets_resolve(&s, &e), -1);
	ck_assert_int_eq(s.failure, SECRETS_SYSTEM);
}
END_TEST

START_TEST(test_leave_says_what_is_left)
{
	struct secrets_job s = job_of(&db, 1);
	start(echo, 2);
	ck_assert_int_eq(secrets_leave(&s, &e), -1);
	ck_assert_ptr_nonnull(strstr(e.msg, "2 of what"));
	ck_assert_ptr_nonnull(strstr(e.msg, "not today"));
}
END_TEST

int main(void)
{
	Suite *s = suite_create("secrets");
	TCase *t = tcase_create("secrets");
	tcase_add_checked_fixture(t, setup, teardown);
	tcase_add_test(t, test_variable_and_file);
	tcase_add_test(t, test_long_value_and_leaf);
	tcase_add_test(t, test_missing);
	tcase_add_test(t, test_attempts);
	tcase_add_test(t, test_no_resolver_no_address_no_keeper);
	tcase_add_test(t, test_ends);
	tcase_add_test(t, test_leave_says_what_is_left);
	suite_add_tcase(s, t);
	SRunner *r = srunner_create(s);
	srunner_run_all(r, CK_NORMAL);
	int failed = srunner_ntests_failed(r);
	srunner_free(r);
	return failed != 0;
}
