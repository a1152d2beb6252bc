#include "protocol/gitlab_job.h"

#include "base/fd.h"
#include "protocol/json.h"

#include <check.h>
#include <stdio.h>
#include <stdlib.h>
#include <string.h>

static struct arena arena;
static struct err e;

static void setup(void)
{
	arena = (struct arena)ARENA(GITLAB_ARENA_MAX);
	e = (struct err){ 0 };
}

static void teardown(void)
{
	arena_done(&arena);
}

static void vector(const char *name, struct buf *b)
{
	char path[128];
	snprintf(path, sizeof path, "tests/unit/vectors/%s", name);
	ck_assert_msg(fd_read_file(path, b, &e) == 0, "%s", e.msg);
}

static const struct job *parse_text(const char *text)
{
	return gitlab_job_parse(text, strlen(text), &arena, &e);
}

static const struct job *parse_vector(const char *name)
{
	autobuf b = BUF(1 << 20);
	vector(name, &b);
	const struct job *job = gitlab_job_parse(b.p, b.len, &arena, &e);
	ck_assert_msg(job != NULL, "%s: %s", name, e.msg);
	return job;
}

START_TEST(hello_is_read)
{
	const struct job *job = parse_vector("payload-hello.json");
	ck_assert_uint_eq(job->id, 1001);
	ck_assert_str_eq(job->token, "glcbt-64_q1w2e3r4t5y6u7i8o9p0");
	ck_assert_uint_eq(job->project_id, 42);
	ck_assert_uint_eq(job->pipeline_id, 7);
	ck_assert_str_eq(job->project_path, "group/project");
	ck_assert_uint_eq(job->timeout_s, 3600);
	ck_assert_double_eq_tol(job->queue_s, 0.25, 1e-9);
	ck_assert_str_eq(job->sources.url, "http://gitlab.example.com/group/project.git");
	ck_assert_str_eq(job->sources.user, "gitlab-ci-token");
	ck_assert_str_eq(job->sources.token, "glcbt-64_q1w2e3r4t5y6u7i8o9p0");
	ck_assert_str_eq(job->sources.object_format, "sha1");
	ck_assert(job->sources.allow_fetch && job->sources.protected_ref && !job->sources.is_tag);
	ck_assert_uint_eq(job->sources.depth, 20);
	ck_assert_uint_eq(job->sources.nrefspecs, 2);
	ck_assert_uint_eq(job->nvars, 6);
	ck_assert_str_eq(job->vars[2].key, "CI_JOB_TOKEN");
	ck_assert(job->vars[2].masked && !job->vars[2].public);
	ck_assert_uint_eq(job->nsteps, 2);
	ck_assert_str_eq(job->steps[0].lines[0], "echo \"$GREETING\"");
	ck_assert_uint_eq(job->steps[0].timeout_ms, 3600000);
	ck_assert_int_eq(job->steps[1].when, JOB_ALWAYS);
	ck_assert(job->steps[1].allow_failure);
	ck_assert_str_eq(job->image.name, "");
	ck_assert(job->trace_sections && !job->has_run);
	ck_assert_uint_eq(job->nfailure_reasons, 5);
	ck_assert_str_eq(job->mask_prefixes[0], "glpat-");
}
END_TEST

START_TEST(full_is_read)
{
	const struct job *job = parse_vector("payload-full.json");
	ck_assert_uint_eq(job->id, 8812345678);
	ck_assert_uint_eq(job->timeout_s, JOB_TIMEOUT_DEFAULT);
	ck_assert_str_eq(job->sources.url,
			 "https://gitlab.example.com:8443/root/company/web/shop.git");
	ck_assert_str_eq(job->sources.token, "glcbt-64+a@b");
	ck_assert_str_eq(job->sources.object_format, "sha256");
	ck_assert(job->sources.is_tag && !job->sources.allow_fetch);
	ck_assert_uint_eq(job->sources.depth, 0);
	ck_assert_str_eq(job->vars[1].value, "apiVersion: v1\nkind: Config\n");
	ck_assert(job->vars[1].file && job->vars[1].raw);
	ck_assert_str_eq(job->vars[3].value, "");
	ck_assert_str_eq(job->vars[4].value, "first");
	ck_assert_str_eq(job->vars[5].value, "second");
	ck_assert_uint_eq(job->steps[1].timeout_ms, 0);
	ck_assert_uint_eq(job->steps[2].nlines, 0);
	ck_assert_str_eq(job->image.name, "registry.example.com/deploy:1");
	ck_assert_uint_eq(job->nservices, 1);
	ck_assert_str_eq(job->services[0].name, "postgres:16");
	ck_assert_str_eq(job->services[0].alias, "db");
	ck_assert_uint_eq(job->services[0].nvars, 1);
	ck_assert_str_eq(job->services[0].vars[0].key, "POSTGRES_PASSWORD");
	ck_assert_uint_eq(job->services[0].ncommand, 0);
	ck_assert_uint_eq(job->nartifacts, 2);
	ck_assert_str_eq(job->artifacts[1].type, "junit");
	ck_assert_int_eq(job->artifacts[1].when, JOB_ON_FAILURE);
	ck_assert_uint_eq(job->artifacts[0].npaths, 2);
	ck_assert_str_eq(job->caches[0].key, "$CI_COMMIT_REF_SLUG");
	ck_assert(job->caches[0].untracked);
	ck_assert_str_eq(job->dependencies[0].file, "artifacts.zip");
	ck_assert_str_eq(job->dependencies[1].file, "");
	ck_assert_str_eq(job->hooks[0].name, "pre_get_sources_script");
	ck_assert_uint_eq(job->nmask_prefixes + job->nfailure_reasons, 0);
}
END_TEST

START_TEST(secrets_are_read)
{
	const struct job *job = parse_vector("payload-full.json");
	const struct job_secret *s = job->secrets;
	ck_assert_uint_eq(job->nsecrets, 4);
	ck_assert_str_eq(s[0].name, "DB_PW");
	ck_assert_int_eq(s[0].source, JOB_SECRET_VAULT);
	ck_assert_str_eq(s[0].url, "https://vault.example.com:8200");
	ck_assert_str_eq(s[0].space, "team");
	ck_assert_str_eq(s[0].auth_path, "gitlab");
	ck_assert_str_eq(s[0].jwt, "$VAULT_ID_TOKEN");
	ck_assert_str_eq(s[0].role, "deploy");
	ck_assert_str_eq(s[0].engine, "kv-v2");
	ck_assert_str_eq(s[0].mount, "ops");
	ck_assert_str_eq(s[0].path, "production/db");
	ck_assert_str_eq(s[0].field, "password");
	ck_assert(!s[0].file);
	ck_assert_int_eq(s[1].source, JOB_SECRET_GITLAB);
	ck_assert_str_eq(s[1].auth_path, "auth/gitlab_jwt/login");
	ck_assert_str_eq(s[1].mount, "secrets/kv");
	ck_assert(s[1].file);
	ck_assert_int_eq(s[2].source, JOB_SECRET_OTHER);
	ck_assert_str_eq(s[2].provider, "gcp_secret_manager");
	ck_assert_str_eq(s[2].url, "");
	ck_assert_str_eq(s[3].name, "STRANGE");
	ck_assert_str_eq(s[3].provider, "");
}
END_TEST

START_TEST(inputs_are_filled_in)
{
	const struct job *job = parse_vector("payload-full.json");
	ck_assert_str_eq(job->steps[0].lines[0], "deploy --to eu-west -n 3");
	ck_assert_str_eq(job->steps[0].lines[1], "curl b.example.com # shop");
}
END_TEST

/* --- changes of the hello payload ---------------------------------------------------------------- */

/* The member or item that path's last part names is replaced; NULL: deleted. */
static void change(json_t *j, const char *path, const char *with)
{
	for (;;) {
		size_t n = strcspn(path, ".");
		char key[64];
		snprintf(key, sizeof key, "%.*s", (int)n, path);
		bool last = !path[n];
		json_t *v = last && with ? json_loads(with, JSON_DECODE_ANY | JSON_ALLOW_NUL, NULL)
					 : NULL;
		ck_assert(!last || !with || v);
		if (json_is_array(j)) {
			size_t i = (size_t)strtoul(key, NULL, 10);
			if (last)
				ck_assert_int_eq(json_array_set_new(j, i, v), 0);
			j = json_array_get(j, i);
		} else if (last && !with) {
			ck_assert_int_eq(json_object_del(j, key), 0);
		} else {
			if (last)
				ck_assert_int_eq(json_object_set_new(j, key, v), 0);
			j = json_object_get(j, key);
		}
		if (last)
			return;
		path += n + 1;
	}
}

static const struct job *parse_changed(const char *path, const char *with)
{
	autobuf b = BUF(1 << 20);
	vector("payload-hello.json", &b);
	json_t *j = json_loadb(b.p, b.len, 0, NULL);
	ck_assert_ptr_nonnull(j);
	change(j, path, with);
	char *text = json_dumps(j, 0);
	const struct job *job = parse_text(text);
	free(text);
	json_decref(j);
	return job;
}

static const struct refusal {
	const char *path, *with, *want;
} refusals[] = {
	{ "id", NULL, "id: missing" },
	{ "id", "0", "id: 0 is not in 1 to 9223372036854775807" },
	{ "id", "-4", "id: -4 is not in 1 to 9223372036854775807" },
	{ "id", "1.5", "id: not a whole number" },
	{ "id", "\"7\"", "id: not a number" },
	{ "token", NULL, "token: missing" },
	{ "token", "\"\"", "token: empty" },
	{ "token", "7", "token: not a string" },
	{ "token", "\"a\\nb\"", "token: a control byte in it" },
	{ "job_info", NULL, "job_info: missing" },
	{ "job_info", "[]", "job_info: not an object" },
	{ "job_info.project_id", NULL, "job_info.project_id: missing" },
	{ "job_info.project_full_path", "\"a/../b\"",
	  "job_info.project_full_path: not the path of a project" },
	{ "job_info.project_full_path", "\"/etc\"",
	  "job_info.project_full_path: not the path of a project" },
	{ "job_info.project_full_path", "\"a//b\"",
	  "job_info.project_full_path: not the path of a project" },
	{ "job_info.time_in_queue_seconds", "\"now\"",
	  "job_info.time_in_queue_seconds: not a number" },
	{ "git_info", NULL, "git_info: missing" },
	{ "git_info", "\"x\"", "git_info: not an object" },
	{ "git_info.ref", NULL, "git_info.ref: missing" },
	{ "git_info.ref", "\"ma\\u0007in\"", "git_info.ref: a control byte in it" },
	{ "git_info.ref", "\"--upload-pack=x\"", "git_info.ref: begins with '-'" },
	{ "git_info.sha", "\"abc\"", "git_info.sha: not 40 hexadecimal digits" },
	{ "git_info.sha", "\"zb825dc642cb6eb9a060e54bf8d69288fbee4904\"",
	  "git_info.sha: not 40 hexadecimal digits" },
	{ "git_info.before_sha", "\"HEAD\"", "git_info.before_sha: not 40 hexadecimal digits" },
	{ "git_info.repo_object_format", "\"md5\"",
	  "git_info.repo_object_format: not one of: sha1, sha256" },
	{ "git_info.ref_type", "\"twig\"",
	  "git_info.ref_type: not one of: branch, tag, merge_request" },
	{ "git_info.depth", "\"20\"", "git_info.depth: not a whole number" },
	{ "git_info.repo_url", "\"\"", "git_info.repo_url: empty" },
	{ "git_info.repo_url", "\"file:///etc\"",
	  "git_info.repo_url: scheme file is not one of https, http, ssh" },
	{ "git_info.repo_url", "\"git://h/x\"",
	  "git_info.repo_url: scheme git is not one of https, http, ssh" },
	{ "git_info.repo_url", "\"ext::sh -c x\"",
	  "git_info.repo_url: a control byte, space, quote or backslash in it" },
	{ "git_info.repo_url", "\"ext::x\"", "git_info.repo_url: not an https, http or ssh URL" },
	{ "git_info.repo_url", "\"/srv/x.git\"",
	  "git_info.repo_url: not an https, http or ssh URL" },
	{ "git_info.repo_url", "\"git@h:x.git\"",
	  "git_info.repo_url: not an https, http or ssh URL" },
	{ "git_info.repo_url", "\"https://h/x\\u0000y\"",
	  "line 1 column 553: a string holds a NUL" },
	{ "git_info.repo_url", "\"https:///x\"", "git_info.repo_url: no host in it" },
	{ "git_info.repo_url", "\"https://u:p@/x\"", "git_info.repo_url: no host in it" },
	{ "git_info.repo_url", "\"https://-oProxy/x\"",
	  "git_info.repo_url: a host that begins with '-'" },
	{ "git_info.repo_url", "\"https://a;b/x\"",
	  "git_info.repo_url: an odd character in the host" },
	{ "git_info.repo_url", "\"https://u:%zz@h/x\"",
	  "git_info.repo_url: a malformed %-escape in the user part" },
	{ "git_info.repo_url", "\"https://u:%0a@h/x\"",
	  "git_info.repo_url: a malformed %-escape in the user part" },
	{ "git_info.repo_url", "\"ssh://git:pw@h/x\"",
	  "git_info.repo_url: an ssh URL with a password" },
	{ "git_info.refspecs.1", "\"main\"", "git_info.refspecs[1]: not of the form src:dst" },
	{ "git_info.refspecs.0", "\"--exec=x:y\"",
	  "git_info.refspecs[0]: a side that begins with '-'" },
	{ "git_info.refspecs.0", "\"+a:\"", "git_info.refspecs[0]: an empty side" },
	{ "git_info.refspecs.0", "\"+a:refs/b\\t\"", "git_info.refspecs[0]: a control byte" },
	{ "git_info.refspecs.0", "\"+a'b:refs/b\"",
	  "git_info.refspecs[0]: a character that no refspec may have" },
	{ "git_info.refspecs.0", "\"+a:HEAD\"",
	  "git_info.refspecs[0]: a destination outside refs/" },
	{ "git_info.refspecs.0", "\"+a:refs/../x\"", "git_info.refspecs[0]: \"..\" or \"@{\"" },
	{ "git_info.refspecs.0", "\"+a:refs/*\"", "git_info.refspecs[0]: '*' on one side only" },
	{ "git_info.refspecs.0", "3", "git_info.refspecs[0]: not a string" },
	{ "runner_info.timeout", "\"1h\"", "runner_info.timeout: not a number" },
	{ "runner_info.timeout", "1.5", "runner_info.timeout: not a whole number" },
	{ "variables", "{}", "variables: not a list" },
	{ "variables.2", "\"A=1\"", "variables[2]: not an object" },
	{ "variables.2.key", NULL, "variables[2].key: missing" },
	{ "variables.2.value", "true", "variables[2].value: not a string" },
	{ "variables.2.masked", "\"yes\"", "variables[2].masked: not true or false" },
	{ "variables.2.value", "\"a\\u0000b\"", "line 1 column 1275: a string holds a NUL" },
	{ "steps", NULL, "steps: missing" },
	{ "steps", "[]", "steps: empty" },
	{ "steps.1.name", NULL, "steps[1].name: missing" },
	{ "steps.1.script", "\"echo\"", "steps[1].script: not a list" },
	{ "steps.1.script.0", "[]", "steps[1].script[0]: not a string" },
	{ "steps.1.timeout", "\"3600\"", "steps[1].timeout: not a number" },
	{ "steps.1.when", "\"later\"",
	  "steps[1].when: not one of: on_success, on_failure, always" },
	{ "secrets", "{\"\": {}}", "secrets.: a secret's name is empty or has a control byte" },
	{ "secrets", "{\"A\": {\"gcp_secret_manager\": 1}}",
	  "secrets.A.gcp_secret_manager: not an object" },
	{ "secrets",
	  "{\"A\": {\"gitlab_secrets_manager\": {\"server\": {\"inline_auth\": {\"auth_mount\": 1}}}}}",
	  "secrets.A.gitlab_secrets_manager.server.inline_auth.auth_mount: not a string" },
	{ "dependencies", "[{}]", "dependencies[0].id: missing" },
	{ "token", "[]", "token: not a string" },
	{ "job_info.pipeline_id", "[]", "job_info.pipeline_id: not a number" },
	{ "secrets", "[1]", "secrets: not an object" },
	{ "secrets", "{\"A\": 1}", "secrets.A: not an object" },
	{ "secrets", "{\"A\": {\"file\": 1}}", "secrets.A.file: not true or false" },
	{ "secrets", "{\"A\": {\"vault\": 1}}", "secrets.A.vault: not an object" },
	{ "secrets", "{\"A\": {\"vault\": {\"server\": {\"auth\": {\"data\": {\"jwt\": 1}}}}}}",
	  "secrets.A.vault.server.auth.data.jwt: not a string" },
	{ "features.failure_reasons", "\"x\"", "features.failure_reasons: not a list" },
	{ "inputs", "[{\"value\": {}}]", "inputs[0].key: missing" },
	{ "secrets", "{\"A\\nB\": 1}", "secrets.A?B: not an object" },
	{ "inputs", "[{\"key\": \"a\"}]", "inputs[0].value.content: missing" },
	{ "inputs", "[{\"key\": \"a\", \"value\": {\"type\": \"number\", \"content\": \"1\"}}]",
	  "inputs[0].value.content: not the number that it is said to be" },
	{ "inputs", "[{\"key\": \"a\", \"value\": {\"type\": \"date\", \"content\": \"1\"}}]",
	  "inputs[0].value.type: not one of: string, number, boolean, array, struct" },
};

START_TEST(refusals_name_the_place)
{
	const struct refusal *r = &refusals[_i];
	char want[256];
	ck_assert_ptr_null(parse_changed(r->path, r->with));
	snprintf(want, sizeof want, "payload: %s", r->want);
	ck_assert_str_eq(e.msg, want);
}
END_TEST

/* What is odd and allowed. */
static const struct refusal odd[] = {
	{ "runner_info", NULL, "" },
	{ "runner_info.timeout", "-5", "" },
	{ "runner_info.timeout", "99999999", "" },
	{ "job_info.time_in_queue_seconds", "-1", "" },
	{ "job_info.time_in_queue_seconds", "null", "" },
	{ "job_info.project_full_path", NULL, "" },
	{ "git_info.refspecs", "null", "" },
	{ "git_info.repo_url", "\"ssh://git@h/group/project.git\"", "" },
	{ "git_info.repo_url", "\"HTTP://[::1]:80/group/project\"", "" },
	{ "git_info.depth", "-1", "" },
	{ "git_info.protected", "null", "" },
	{ "git_info.ref", "\"feature/\xc3\xbc ber\"", "" },
	{ "variables", "null", "" },
	{ "features", "null", "" },
	{ "image", "{\"name\": null}", "" },
	{ "secrets", "null", "" },
	{ "run", "\"\"", "" },
};

START_TEST(oddities_are_taken)
{
	const struct job *job = parse_changed(odd[_i].path, odd[_i].with);
	ck_assert_msg(job != NULL, "%s", e.msg);
	ck_assert_uint_ge(job->timeout_s, 1);
	ck_assert_uint_le(job->timeout_s, JOB_TIMEOUT_MAX);
	ck_assert_str_eq(job->project_path, "group/project");
	ck_assert(job->queue_s >= 0);
	ck_assert(!job->has_run);
}
END_TEST

START_TEST(run_keyword_is_flagged)
{
	ck_assert(parse_changed("run", "\"[{\\\"name\\\": \\\"x\\\"}]\"")->has_run);
	ck_assert(parse_changed("run", "[1]")->has_run);
}
END_TEST

static const struct refusal texts[] = {
	{ "", "", "line 1 column 0: the text ends too early" },
	{ "[]", "", "not an object" },
	{ "{", "", "line 1 column 1: the text ends too early" },
	{ "{\"token\": \"glcbt-hidden\" oops}", "", "line 1 column 29: not JSON" },
	{ "{\"id\": 1, \"id\": 2}", "", "line 1 column 14: duplicate object key near '\"id\"'" },
	{ "{} x", "", "line 1 column 4: something follows the end" },
	{ "{\"a\": \"\xff\"}", "", "line 1 column 7: invalid UTF-8" },
	{ "{\"id\": 99999999999999999999}", "", "line 1 column 27: a number is too large" },
};

START_TEST(broken_texts_are_refused)
{
	char want[256];
	ck_assert_ptr_null(parse_text(texts[_i].path));
	snprintf(want, sizeof want, "payload: %s", texts[_i].want);
	ck_assert_str_eq(e.msg, want);
}
END_TEST

START_TEST(depth_and_values_are_limited)
{
	autobuf b = BUF(1 << 20);
	for (int i = 0; i < 500000; i++)
		ck_assert_int_eq(buf_char(&b, '[', &e), 0);
	ck_assert_ptr_null(parse_text(buf_cstr(&b)));
	ck_assert_str_eq(e.msg, "payload: nested 500000 deep, at most 64");
	buf_clear(&b);
	ck_assert_int_eq(buf_char(&b, '[', &e), 0);
	for (int i = 0; i < 450000; i++)
		ck_assert_int_eq(buf_str(&b, "1,", &e), 0);
	ck_assert_ptr_null(parse_text(buf_cstr(&b)));
	ck_assert_str_eq(e.msg, "payload: 450001 values, at most 400000");
}
END_TEST

/* A JSON string of n letters. */
static char *letters(size_t n)
{
	char *s = malloc(n + 3);
	ck_assert_ptr_nonnull(s);
	memset(s, 'x', n + 2);
	s[0] = s[n + 1] = '"';
	s[n + 2] = '\0';
	return s;
}

START_TEST(many_bytes_of_variables_are_refused)
{
	char *big = letters(5 << 20);
	ck_assert_ptr_null(parse_changed("variables.0.value", big));
	free(big);
	ck_assert_str_eq(e.msg, "payload: variables: 5242994 bytes of keys and values, at most "
				"4194304");
	big = letters(10 << 20);
	ck_assert_ptr_null(parse_changed("variables.0.value", big));
	free(big);
	ck_assert_ptr_nonnull(strstr(e.msg, "at most 8388608 (and 4194304 of them variables)"));
}
END_TEST

START_TEST(a_small_arena_is_an_error)
{
	arena_done(&arena);
	arena = (struct arena)ARENA(900);
	ck_assert_ptr_null(parse_changed("id", "5"));
	ck_assert_ptr_nonnull(strstr(e.msg, "memory limit of 900 bytes reached"));
}
END_TEST

int main(void)
{
	Suite *s = suite_create("gitlab_job");
	TCase *t = tcase_create("job");
	tcase_add_checked_fixture(t, setup, teardown);
	tcase_add_test(t, hello_is_read);
	tcase_add_test(t, full_is_read);
	tcase_add_test(t, secrets_are_read);
	tcase_add_test(t, inputs_are_filled_in);
	tcase_add_loop_test(t, refusals_name_the_place, 0, sizeof refusals / sizeof *refusals);
	tcase_add_loop_test(t, oddities_are_taken, 0, sizeof odd / sizeof *odd);
	tcase_add_test(t, run_keyword_is_flagged);
	tcase_add_loop_test(t, broken_texts_are_refused, 0, sizeof texts / sizeof *texts);
	tcase_add_test(t, depth_and_values_are_limited);
	tcase_add_test(t, many_bytes_of_variables_are_refused);
	tcase_add_test(t, a_small_arena_is_an_error);
	suite_add_tcase(s, t);
	SRunner *r = srunner_create(s);
	srunner_run_all(r, CK_NORMAL);
	int failed = srunner_ntests_failed(r);
	srunner_free(r);
	return failed ? 1 : 0;
}
