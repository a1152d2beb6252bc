/* What variables say about sources, and the worker's talk with peers that do as a script says. */
#include "executor/sources.h"

#include "base/clock.h"
#include "base/fd.h"
#include "executor/pack.h"

#include <check.h>
#include <poll.h>
#include <stdio.h>
#include <stdlib.h>
#include <string.h>
#include <sys/wait.h>

static struct arena arena;
static struct vars *vars;
static struct job job;
static struct sources_plan plan;
static struct err e;

static void setup(void)
{
	arena = (struct arena)ARENA(8 << 20);
	e = (struct err){ 0 };
	job = (struct job){ 0 };
	job.sources = (struct job_sources){
		.url = "http://host/group/project.git",
		.user = "u",
		.token = "secret-token",
		.ref = "main",
		.sha = "0123456789012345678901234567890123456789",
		.object_format = "sha1",
		.depth = 20,
		.allow_fetch = true,
	};
	vars = vars_new(&arena, &e);
	ck_assert_ptr_nonnull(vars);
}

static void teardown(void)
{
	arena_done(&arena);
}

static int make_plan(const char *assignments)
{
	char text[512], *rest = NULL;
	snprintf(text, sizeof text, "%s", assignments);
	for (char *a = strtok_r(text, ";", &rest); a; a = strtok_r(NULL, ";", &rest)) {
		char *eq = strchr(a, '=');
		*eq = '\0';
		ck_assert_int_eq(vars_set(vars, a, eq + 1, 0, &e), 0);
	}
	ck_assert_int_eq(vars_resolve(vars, &e), 0);
	return sources_plan(&job, vars, &arena, &plan, &e);
}

struct plan_row {
	const char *vars;
	enum sources_strategy strategy;
	bool checkout, kept;
	enum sources_modules modules;
	unsigned attempts;
	const char *warning; /* part of it; NULL none */
};

static const struct plan_row plans[] = {
	{ "", SOURCES_FETCH, true, false, MODULES_NONE, 1, NULL },
	{ "GIT_STRATEGY=clone;GIT_CHECKOUT=false", SOURCES_CLONE, false, false, MODULES_NONE, 1,
	  NULL },
	{ "GIT_STRATEGY=none", SOURCES_NONE, true, true, MODULES_NONE, 1, NULL },
	{ "GIT_STRATEGY=empty", SOURCES_EMPTY, true, false, MODULES_NONE, 1, NULL },
	{ "GIT_STRATEGY=bogus", SOURCES_FETCH, true, false, MODULES_NONE, 1,
	  "GIT_STRATEGY: expected either 'clone', 'fetch', 'none' or 'empty' got \"bogus\", using "
	  "default value 'fetch'" },
	{ "GIT_CHECKOUT=perhaps", SOURCES_FETCH, true, false, MODULES_NONE, 1, "GIT_CHECKOUT" },
	{ "GIT_CLEAN_FLAGS=-ffdx", SOURCES_FETCH, true, false, MODULES_NONE, 1, NULL },
	{ "GIT_CLEAN_FLAGS=-ffdx -e x", SOURCES_FETCH, true, true, MODULES_NONE, 1, NULL },
	{ "GIT_CLEAN_FLAGS=none", SOURCES_FETCH, true, true, MODULES_NONE, 1, NULL },
	{ "GIT_CLEAN_FLAGS=none;GIT_STRATEGY=clone", SOURCES_CLONE, true, false, MODULES_NONE, 1,
	  NULL },
	{ "GET_SOURCES_ATTEMPTS=3", SOURCES_FETCH, true, false, MODULES_NONE, 3, NULL },
	{ "GET_SOURCES_ATTEMPTS=11", SOURCES_FETCH, true, false, MODULES_NONE, 1, "from 1 to 10" },
	{ "GET_SOURCES_ATTEMPTS=0", SOURCES_FETCH, true, false, MODULES_NONE, 1, "from 1 to 10" },
	{ "GIT_SUBMODULE_STRATEGY=recursive", SOURCES_FETCH, true, false, MODULES_RECURSIVE, 1,
	  NULL },
	{ "GIT_SUBMODULE_DEPTH=3", SOURCES_FETCH, true, false, MODULES_NONE, 1, NULL },
	{ "GIT_SUBMODULE_DEPTH=3;GIT_SUBMODULE_STRATEGY=normal", SOURCES_FETCH, true, false,
	  MODULES_NORMAL, 1, "GIT_SUBMODULE_DEPTH: 3: not applied, submodules come with their" },
	{ "GIT_SUBMODULE_STRATEGY=normal;GIT_SUBMODULE_UPDATE_FLAGS=--recursive --jobs 4",
	  SOURCES_FETCH, true, false, MODULES_RECURSIVE, 1, NULL },
	{ "GIT_SUBMODULE_STRATEGY=normal;GIT_SUBMODULE_UPDATE_FLAGS=--remote", SOURCES_FETCH, true,
	  false, MODULES_NORMAL, 1, "GIT_SUBMODULE_UPDATE_FLAGS: --remote: not applied" },
	{ "GIT_SUBMODULE_UPDATE_FLAGS=--remote", SOURCES_FETCH, true, false, MODULES_NONE, 1,
	  NULL },
	{ "GIT_FETCH_EXTRA_FLAGS=--prune --quiet --tags --depth 5", SOURCES_FETCH, true, false,
	  MODULES_NONE, 1, NULL },
	{ "GIT_FETCH_EXTRA_FLAGS=--tags --filter=blob:none -4", SOURCES_FETCH, true, false,
	  MODULES_NONE, 1, "GIT_FETCH_EXTRA_FLAGS: --filter=blob:none -4: not applied" },
	{ "GIT_FETCH_EXTRA_FLAGS=--filter=tree:0;GIT_STRATEGY=none", SOURCES_NONE, true, true,
	  MODULES_NONE, 1, NULL },
};

START_TEST(test_plan)
{
	const struct plan_row *row = &plans[_i];
	ck_assert_msg(make_plan(row->vars) == 0, "%s: %s", row->vars, e.msg);
	ck_assert_int_eq(plan.strategy, row->strategy);
	ck_assert_int_eq(plan.checkout, row->checkout);
	ck_assert_int_eq(plan.kept, row->kept);
	ck_assert_int_eq(plan.modules, row->modules);
	ck_assert_uint_eq(plan.attempts, row->attempts);
	if (row->warning)
		ck_assert_ptr_nonnull(strstr(plan.warnings, row->warning));
	else
		ck_assert_str_eq(plan.warnings, "");
}
END_TEST

static const char *const refused[] = {
	"GIT_SUBMODULE_STRATEGY=all",
	"GIT_CLEAN_FLAGS=-ffdx --what",
	"GIT_SUBMODULE_PATHS=:(exclude)a",
};

START_TEST(test_refused)
{
	ck_assert_int_eq(make_plan(refused[_i]), -1);
	ck_assert(e.msg[0]);
}
END_TEST

/* --- peers --------------------------------------------------------------------------------------- */

/* What a peer answers to its one request: 0 done, a fault, or -1: it dies. */
struct script {
	int fetch[4], pack[4];
	unsigned fetches, packs;
	char said[4096];
	bool stop;
};

static int answer_fetch(int how, struct err *pe)
{
	automsg m;
	autofd refs = -1;
	if (how == 0) {
		refs = fd_sealed("refs", "", 0, pe);
		struct fetch_result r = FETCH_RESULT;
		r.requests = 1;
		r.refs = refs;
		fetch_put_done(&m, &r);
	} else {
		msg_init(&m, FETCH_FAILED);
		msg_put_u32(&m, (uint32_t)how);
		msg_put_str(&m, "no luck");
	}
	return msg_send(3, &m, pe);
}

static int answer_pack(int how, struct err *pe)
{
	automsg m;
	if (how == 0) {
		struct pack_result r = PACK_RESULT;
		pack_put_done(&m, &r);
	} else {
		msg_init(&m, PACK_FAILED);
		msg_put_u32(&m, (uint32_t)how);
		msg_put_str(&m, "no luck");
	}
	return msg_send(3, &m, pe);
}

/* A process that answers requests by answer(how[i]) until its socket closes. */
static int peer(const int *how, int (*answer)(int, struct err *))
{
	int sv[2];
	ck_assert_int_eq(msg_pair(sv, &e), 0);
	if (fork() == 0) {
		struct err pe = { 0 };
		close(sv[0]);
		dup2(sv[1], 3);
		for (unsigned i = 0;; i++) {
			automsg m;
			if (msg_recv(3, &m, &pe) != 1 || how[i] < 0 || answer(how[i], &pe) < 0)
				_exit(0);
		}
	}
	close(sv[1]);
	return sv[0];
}

static int start_fetcher(void *arg, const char *url, enum fetch_whose whose, struct err *pe)
{
	struct script *s = arg;
	(void)pe;
	ck_assert(whose == FETCH_OWN);
	ck_assert_str_eq(url, job.sources.url);
	return peer(&s->fetch[s->fetches++], answer_fetch);
}

static int start_packer(void *arg, struct err *pe)
{
	struct script *s = arg;
	(void)pe;
	return peer(&s->pack[s->packs++], answer_pack);
}

static void say(void *arg, enum say_style style, const char *line)
{
	struct script *s = arg;
	size_t n = strlen(s->said);
	(void)style;
	snprintf(s->said + n, sizeof s->said - n, "%s\n", line);
}

static bool interrupted(void *arg)
{
	return ((struct script *)arg)->stop;
}

static struct sources_job sources(struct script *s)
{
	return (struct sources_job){
		.from = &job.sources,
		.whose = FETCH_OWN,
		.plan = &plan,
		.tree = "/builds/group/project",
		.objects = "/run/mirror/objects",
		.say = say,
		.fetcher = start_fetcher,
		.packer = start_packer,
		.interrupted = interrupted,
		.watch_fd = -1,
		.arg = s,
	};
}

static void reap(void)
{
	while (wait(NULL) > 0)
		continue;
}

START_TEST(test_lines)
{
	struct script s = { 0 };
	struct sources_job j = sources(&s);
	ck_assert_int_eq(make_plan(""), 0);
	ck_assert_int_eq(sources_get(&j, &e), 0);
	ck_assert_str_eq(s.said,
			 "Fetching changes with git depth set to 20 (not needed: the history is "
			 "whole, from this runner's mirror)...\n"
			 "Created fresh repository.\n"
			 "Checking out 01234567 as detached HEAD (ref is main)...\n"
			 "Skipping Git submodules setup\n");
	ck_assert_uint_eq(j.requests, 1);
	reap();
}
END_TEST

struct skip_row {
	const char *vars, *said;
	unsigned packs;
};

static const struct skip_row skips[] = {
	{ "GIT_STRATEGY=none",
	  "Skipping Git repository setup\nSkipping Git checkout\nSkipping Git submodules setup\n",
	  0 },
	{ "GIT_STRATEGY=empty",
	  "Skipping Git repository setup and creating an empty build directory\n"
	  "Skipping Git checkout\nSkipping Git submodules setup\n",
	  1 },
};

START_TEST(test_skipped)
{
	struct script s = { 0 };
	struct sources_job j = sources(&s);
	ck_assert_int_eq(make_plan(skips[_i].vars), 0);
	ck_assert_int_eq(sources_get(&j, &e), 0);
	ck_assert_str_eq(s.said, skips[_i].said);
	ck_assert_uint_eq(s.fetches, 0);
	ck_assert_uint_eq(s.packs, skips[_i].packs);
	reap();
}
END_TEST

START_TEST(test_rebuilt_once)
{
	struct script s = { .pack = { SOURCES_CORRUPT, 0 } };
	struct sources_job j = sources(&s);
	ck_assert_int_eq(make_plan(""), 0);
	ck_assert_int_eq(sources_get(&j, &e), 0);
	ck_assert_uint_eq(s.fetches, 2);
	ck_assert_ptr_nonnull(strstr(s.said, "fetching them anew"));
	reap();
}
END_TEST

static const int final_faults[] = { SOURCES_AUTH, SOURCES_CONFIG, SOURCES_HOSTILE, -1 };

START_TEST(test_failure)
{
	int how = final_faults[_i];
	struct script s = { .fetch = { how } };
	struct sources_job j = sources(&s);
	ck_assert_int_eq(make_plan(""), 0);
	ck_assert_int_eq(sources_get(&j, &e), -1);
	ck_assert_int_eq(j.fault, how < 0 ? SOURCES_INTERNAL : how);
	ck_assert_ptr_nonnull(strstr(e.msg, sources_fault_advice(j.fault)));
	ck_assert_ptr_null(strstr(e.msg, "secret-token"));
	reap();
}
END_TEST

START_TEST(test_hopeless_is_not_tried_again)
{
	struct script s = { .fetch = { SOURCES_CONFIG, 0 } };
	struct sources_job j = sources(&s);
	ck_assert_int_eq(make_plan("GET_SOURCES_ATTEMPTS=3"), 0);
	ck_assert_int_eq(sources_get(&j, &e), -1);
	ck_assert_uint_eq(s.fetches, 1);
	reap();
}
END_TEST

START_TEST(test_second_attempt)
{
	struct script s = { .fetch = { SOURCES_NETWORK, 0 } };
	struct sources_job j = sources(&s);
	ck_assert_int_eq(make_plan("GET_SOURCES_ATTEMPTS=2"), 0);
	ck_assert_int_eq(sources_get(&j, &e), 0);
	ck_assert_uint_eq(s.fetches, 2);
	ck_assert_ptr_nonnull(strstr(s.said, "Retrying in 5 s (attempt 2 of 2)..."));
	reap();
}
END_TEST

START_TEST(test_interrupted)
{
	struct script s = { .fetch = { SOURCES_NETWORK, 0 }, .stop = true };
	struct sources_job j = sources(&s);
	int sv[2];
	ck_assert_int_eq(msg_pair(sv, &e), 0);
	ck_assert_int_eq(write(sv[0], "x", 1), 1);
	j.watch_fd = sv[1];
	ck_assert_int_eq(make_plan("GET_SOURCES_ATTEMPTS=10"), 0);
	uint64_t begin = clock_ms();
	ck_assert_int_eq(sources_get(&j, &e), -1);
	ck_assert_int_eq(j.fault, SOURCES_CANCELLED);
	ck_assert_uint_lt(clock_ms() - begin, 3000);
	close(sv[0]);
	close(sv[1]);
	reap();
}
END_TEST

START_TEST(test_deadline)
{
	struct script s = { .fetch = { SOURCES_NETWORK, 0 } };
	struct sources_job j = sources(&s);
	j.deadline_ms = clock_ms() + 300;
	ck_assert_int_eq(make_plan("GET_SOURCES_ATTEMPTS=10"), 0);
	ck_assert_int_eq(sources_get(&j, &e), -1);
	ck_assert_int_eq(j.fault, SOURCES_TIMEOUT);
	ck_assert_uint_eq(s.fetches, 1);
	reap();
}
END_TEST

#define ROWS(t) (sizeof(t) / sizeof *(t))

int main(void)
{
	Suite *s = suite_create("sources");
	TCase *t = tcase_create("sources");
	tcase_add_checked_fixture(t, setup, teardown);
	tcase_set_timeout(t, 30);
	tcase_add_loop_test(t, test_plan, 0, ROWS(plans));
	tcase_add_loop_test(t, test_refused, 0, ROWS(refused));
	tcase_add_test(t, test_lines);
	tcase_add_loop_test(t, test_skipped, 0, ROWS(skips));
	tcase_add_test(t, test_rebuilt_once);
	tcase_add_loop_test(t, test_failure, 0, ROWS(final_faults));
	tcase_add_test(t, test_hopeless_is_not_tried_again);
	tcase_add_test(t, test_second_attempt);
	tcase_add_test(t, test_interrupted);
	tcase_add_test(t, test_deadline);
	suite_add_tcase(s, t);
	SRunner *r = srunner_create(s);
	srunner_run_all(r, CK_NORMAL);
	int failed = srunner_ntests_failed(r);
	srunner_free(r);
	return failed != 0;
}
