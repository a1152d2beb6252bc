#include "runner/config.h"

#include "base/fd.h"
#include "runner/config_keys.h"
#include "runner/config_value.h"

#include <check.h>
#include <fcntl.h>
#include <stdio.h>
#include <stdlib.h>
#include <string.h>

static struct arena arena;
static struct config_errors errors;
static struct err e;

static void setup(void)
{
	arena = (struct arena)ARENA(CONFIG_ARENA_MAX);
	errors = (struct config_errors){ 0 };
	e = (struct err){ 0 };
	ck_assert_int_eq(setenv("HOME", "/home/me", 1), 0);
}

static void teardown(void)
{
	arena_done(&arena);
}

static const struct config *parse(const char *text, const char *const *overrides)
{
	struct config_source source = { "config.yaml", text, strlen(text), overrides };
	return config_parse(&source, &arena, &errors, &e);
}

static const char *said(void)
{
	autobuf b = BUF(64 << 10);
	ck_assert_int_eq(config_errors_text(&errors, "config.yaml", &b, &e), 0);
	const char *text = arena_strdup(&arena, buf_cstr(&b), &e);
	ck_assert_ptr_nonnull(text);
	return text;
}

static const struct config *good(const char *text, const char *const *overrides)
{
	const struct config *c = parse(text, overrides);
	ck_assert_msg(c != NULL, "%s\n%s", e.msg, said());
	return c;
}

START_TEST(defaults)
{
	const struct config *c = good("", NULL);
	ck_assert_uint_eq(c->concurrent, 1);
	ck_assert_uint_eq(c->check_interval_ms, 3000);
	ck_assert_str_eq(c->log_level, "info");
	ck_assert_str_eq(c->listen_address, "127.0.0.1:9464");
	ck_assert_uint_eq(c->shutdown_timeout_ms, 30000);
	ck_assert_uint_eq(c->id_base, 1879048192);
	ck_assert_uint_eq(c->nrunners, 0);
	ck_assert(*c->state_dir == '/' && !*c->cache_dir);
}
END_TEST

static const char full[] = "concurrent: 10\n"
			   "check_interval: 500ms\n"
			   "log_level: debug\n"
			   "listen_address: \"\"\n"
			   "state_dir: /srv/state\n"
			   "runners:\n"
			   "  - name: one\n"
			   "    url: https://gitlab.example.com/\n"
			   "    token: glrt-abc\n"
			   "    token_expires_at: 2026-01-31T12:00:00+02:00\n"
			   "    tls-ca-file: /etc/ca.pem\n"
			   "    limit: 2\n"
			   "    output_limit: 1MiB\n"
			   "    shell: sh\n"
			   "    network: none\n"
			   "    environment: [A=1, \"B=two words\"]\n"
			   "    feature_flags: {FF_TIMESTAMPS: false, FF_X: \"true\"}\n"
			   "    pre_build_script: |\n"
			   "      echo one\n"
			   "      echo two\n"
			   "    cancel: {int: 1s, term: 2}\n"
			   "    mounts:\n"
			   "      - /srv/tools:/tools\n"
			   "    vault:\n"
			   "      allowed: [\"https://vault.example.com\"]\n"
			   "      timeout: 5s\n"
			   "  - url: http://127.0.0.1:8080\n"
			   "    token: t2\n"
			   "    output_limit: 100\n";

START_TEST(everything_is_read)
{
	const struct config *c = good(full, NULL);
	const struct config_runner *r = c->runners;
	ck_assert_uint_eq(c->concurrent, 10);
	ck_assert_uint_eq(c->check_interval_ms, 500);
	ck_assert_str_eq(c->listen_address, "");
	ck_assert_str_eq(c->state_dir, "/srv/state");
	ck_assert_uint_eq(c->nrunners, 2);
	ck_assert_str_eq(r[0].name, "one");
	ck_assert_str_eq(r[0].token, "glrt-abc");
	ck_assert_uint_eq(r[0].token_expires_at, 1769853600);
	ck_assert_str_eq(r[0].tls_ca_file, "/etc/ca.pem");
	ck_assert_uint_eq(r[0].output_limit, 1 << 20);
	ck_assert_str_eq(r[0].shell, "sh");
	ck_assert_int_eq(r[0].network, CONFIG_NETWORK_NONE);
	ck_assert_uint_eq(r[0].nenvironment, 2);
	ck_assert_str_eq(r[0].environment[1], "B=two words");
	ck_assert_str_eq(r[0].feature_flags[0], "FF_TIMESTAMPS=false");
	ck_assert_str_eq(r[0].feature_flags[1], "FF_X=true");
	ck_assert_str_eq(r[0].pre_build_script, "echo one\necho two\n");
	ck_assert_uint_eq(r[0].cancel_int_ms, 1000);
	ck_assert_uint_eq(r[0].cancel_term_ms, 2000);
	ck_assert_str_eq(r[0].mounts[0], "/srv/tools:/tools");
	ck_assert_str_eq(r[0].vault_allowed[0], "https://vault.example.com");
	ck_assert_uint_eq(r[0].vault_timeout_ms, 5000);
	ck_assert_str_eq(r[1].name, "runner-1");
	ck_assert_uint_eq(r[1].output_limit, 100 << 10);
	ck_assert_int_eq(r[1].network, CONFIG_NETWORK_HOST);
	ck_assert_str_eq(r[1].builds_dir, "/builds");
	ck_assert_uint_eq(r[1].drain_ms, 2000);
}
END_TEST

static const char *const some[] = { "concurrent=4",
				    "runners.0.limit=7",
				    "runners.one.output-limit=2MiB",
				    "runners.runner-1.limit=1",
				    "runners.1.environment=X=1",
				    "runners.1.environment=Y=2",
				    "runners.0.environment=Z=3",
				    "runners.0.cancel.int=3s",
				    NULL };

START_TEST(overrides)
{
	/* The name that the second one gets is known too late to be used: its index counts. */
	const char *const *list = some;
	const struct config *c = parse(full, list);
	ck_assert_ptr_null(c);
	ck_assert_str_eq(said(), "-o runners.runner-1.limit: there is no such runner\n");
	errors.n = 0;
	const char *fine[] = {
		some[0], some[1], some[2], some[4], some[5], some[6], some[7], NULL
	};
	c = good(full, fine);
	ck_assert_uint_eq(c->concurrent, 4);
	ck_assert_uint_eq(c->runners[0].limit, 7);
	ck_assert_uint_eq(c->runners[0].output_limit, 2 << 20);
	ck_assert_uint_eq(c->runners[1].nenvironment, 2);
	ck_assert_str_eq(c->runners[1].environment[1], "Y=2");
	ck_assert_uint_eq(c->runners[0].nenvironment, 1);
	ck_assert_str_eq(c->runners[0].environment[0], "Z=3");
	ck_assert_uint_eq(c->runners[0].cancel_int_ms, 3000);
}
END_TEST

#define R "runners:\n  - url: http://h\n    token: t\n    "

static const struct refusal {
	const char *text, *want; /* without "config.yaml:" */
} refusals[] = {
	{ "limit: 1\n", "1:1: key \"limit\" belongs to a runner: an item of runners\n" },
	{ "bulds_dir: /x\n",
	  "1:1: unknown key \"bulds_dir\"; did you mean \"builds_dir\"? It belongs "
	  "to a runner: an item of runners\n" },
	{ R "cache_dri: /x\n",
	  "4:5: unknown key \"cache_dri\"; did you mean \"cache_dir\"? It belongs "
	  "to the top of the file\n" },
	{ R "cache_dir: /x\n", "4:5: key \"cache_dir\" belongs to the top of the file\n" },
	{ R "bulds_dir: /x\n", "4:5: unknown key \"bulds_dir\"; did you mean \"builds_dir\"?\n" },
	{ "concurent: 1\n", "1:1: unknown key \"concurent\"; did you mean \"concurrent\"?\n" },
	{ "runner: []\n", "1:1: unknown key \"runner\"; did you mean \"runners\"?\n" },
	{ "concurrent: many\n", "1:13: concurrent: \"many\" is not a whole number\n" },
	{ "concurrent: 0\n", "1:13: concurrent: 0 is not in 1 to 1000\n" },
	{ "concurrent: [1]\n", "1:13: concurrent: a whole number is expected, not a list\n" },
	{ "check_interval: soon\n",
	  "1:17: check_interval: \"soon\" is not a duration (90 for seconds, 15m, 1h30m)\n" },
	{ "check_interval: 2h\n", "1:17: check_interval: \"2h\" is not in 0s to 1h0m0s\n" },
	{ "log_level: loud\n",
	  "1:12: log_level: \"loud\" is not one of: debug, info, warn, warning, error\n" },
	{ "state_dir: here\n", "1:12: state_dir: \"here\" is not an absolute path\n" },
	{ "listen_address: nowhere\n", "1:1: listen_address: \"nowhere\" is not HOST:PORT\n" },
	{ "runners: 3\n", "1:10: runners: a list is expected\n" },
	{ "runners: [3]\n", "1:11: runners[0]: a mapping is expected\n" },
	{ "runners: [{token: t}]\n", "1:11: runners[0]: no url\n" },
	{ "runners: [{url: \"http://h\"}]\n",
	  "1:11: runners[0]: no token: set token or token_file\n" },
	{ R "token_file: /x\n", "2:5: runners[0]: token and token_file: one of them\n" },
	{ R "tls_key_file: /x\n",
	  "2:5: runners[0]: tls_cert_file and tls_key_file: both or none\n" },
	{ R "labels: [a]\n", "2:5: runners[0]: labels and ephemeral are for gitea and forgejo\n" },
	{ R "forge: svn\n", "4:12: forge: \"svn\" is not one of: gitlab, gitea, forgejo\n" },
	{ R "forge: gitea\n", "2:5: runners[0]: no labels: no job would ever come\n" },
	{ R "forge: gitea\n    labels: [a]\n",
	  "2:5: runners[0]: token: of gitea and forgejo it is UUID:TOKEN\n" },
	{ R "forge: gitea\n    labels: [\"a:lxc\"]\n",
	  "2:5: runners[0]: label \"a:lxc\": there are no LXC containers here: use NAME or "
	  "NAME:host\n" },
	{ R "tls-ca-file: /a\n    tls_ca_file: /b\n",
	  "5:5: tls_ca_file: is there twice, in two spellings\n" },
	{ R "executor: shell\n",
	  "4:5: key \"executor\": courser has one executor: its own sandbox\n" },
	{ R "output_limit: big\n",
	  "4:19: output_limit: \"big\" is not a size (64KiB, 4MiB, 1GB)\n" },
	{ R "output_limit: 0\n", "4:19: output_limit: 0 bytes are not in 1024 to 1099511627776\n" },
	{ R "shell: zsh\n", "4:12: shell: \"zsh\" is not one of: bash, sh\n" },
	{ R "network: internet\n", "4:14: network: \"internet\" is not one of: host, none\n" },
	{ R "strict_check_interval: perhaps\n",
	  "4:28: strict_check_interval: \"perhaps\" is not true or false\n" },
	{ R "environment: A=1\n", "4:18: environment: a list of K=V is expected, not a string\n" },
	{ R "environment: [A]\n", "4:19: environment: an item is not K=V\n" },
	{ R "mounts: [[x]]\n", "4:14: mounts: an item that is no scalar\n" },
	{ R "cancel: 3\n", "4:13: cancel: a mapping is expected\n" },
	{ R "cancel: {hup: 3}\n",
	  "4:14: unknown key \"cancel.hup\"; did you mean \"cancel.int\"?\n" },
	{ R "drain: 1m\n", "4:12: drain: \"1m\" is not in 0s to 2s\n" },
	{ R "token_expires_at: tomorrow\n",
	  "4:23: token_expires_at: \"tomorrow\" is not a time (2026-01-31T12:00:00Z, or "
	  "seconds)\n" },
	{ R "clone_url: git://h\n", "4:16: clone_url: not an http or https URL\n" },
	{ R "proxy: http://u:secret@h\n", "4:12: proxy: a URL with a user or a password in it\n" },
	{ "concurrent: 1\nconcurrent: 2\n", "2:1: key \"concurrent\" is there twice\n" },
	{ "a: [\n", "2:1: did not find expected node content\n" },
	{ "- a\n", "1:1: a mapping is expected\n" },
};

START_TEST(refusals_name_the_place)
{
	char want[512];
	ck_assert_ptr_null(parse(refusals[_i].text, NULL));
	snprintf(want, sizeof want, "config.yaml:%s", refusals[_i].want);
	ck_assert_str_eq(said(), want);
	ck_assert_str_eq(e.msg, "config.yaml: 1 error");
}
END_TEST

START_TEST(all_errors_at_once)
{
	ck_assert_ptr_null(parse("concurrent: x\nlog_level: y\n" R "limit: z\n", NULL));
	ck_assert_str_eq(e.msg, "config.yaml: 3 errors");
	ck_assert_str_eq(said(),
			 "config.yaml:1:13: concurrent: \"x\" is not a whole number\n"
			 "config.yaml:2:12: log_level: \"y\" is not one of: debug, info, warn, "
			 "warning, error\n"
			 "config.yaml:6:12: limit: \"z\" is not a whole number\n");
}
END_TEST

static const struct refusal bad_overrides[] = {
	{ "concurrent", "-o concurrent: not KEY=VALUE\n" },
	{ "concurent=1", "-o concurent: unknown key; did you mean \"concurrent\"?\n" },
	{ "concurrent=x", "-o concurrent: \"x\" is not a whole number\n" },
	{ "runners.3.limit=1", "-o runners.3.limit: there is no such runner\n" },
	{ "runners.0.limt=1", "-o runners.0.limt: unknown key; did you mean \"limit\"?\n" },
	{ "runners.0.environment=x", "-o runners.0.environment: an item is not K=V\n" },
};

START_TEST(bad_overrides_are_refused)
{
	const char *const list[] = { bad_overrides[_i].text, NULL };
	ck_assert_ptr_null(parse(R "limit: 1\n", list));
	ck_assert_str_eq(said(), bad_overrides[_i].want);
}
END_TEST

START_TEST(errors_are_counted)
{
	autobuf b = BUF(64 << 10);
	for (int i = 0; i < 60; i++)
		ck_assert_int_eq(buf_printf(&b, &e, "zzzzzzzzz%d: 1\n", i), 0);
	ck_assert_ptr_null(parse(buf_cstr(&b), NULL));
	ck_assert_uint_eq(errors.n, 60);
	ck_assert_ptr_nonnull(strstr(said(), "config.yaml: and 10 more\n"));
}
END_TEST

/* The table itself: defaults are values of their keys, every key is documented once. */
START_TEST(table_is_sound)
{
	const struct config_level *level = _i ? &config_runner_level : &config_file_level;
	union {
		struct config file;
		struct config_runner runner;
	} to = { 0 };
	ck_assert_int_eq(config_value_defaults(level, &to, &arena, &e), 0);
	for (size_t i = 0; i < level->n; i++) {
		const struct config_key *k = &level->keys[i];
		ck_assert_ptr_eq(config_key_find(level, k->name), k);
		ck_assert(*k->doc && k->to < level->size);
		ck_assert((k->type == CONFIG_WORD || k->type == CONFIG_CHOICE) == !!k->words);
	}
}
END_TEST

static void write_file(const char *path, const char *text)
{
	autofd fd = open(path, O_CREAT | O_TRUNC | O_WRONLY | O_CLOEXEC, 0600);
	ck_assert_int_ge(fd, 0);
	ck_assert_int_eq(fd_write_all(fd, text, strlen(text), &e), 0);
}

START_TEST(token_files_are_read)
{
	char dir[] = "/tmp/courser-config-XXXXXX", config[64], token[64], text[256];
	ck_assert_ptr_nonnull(mkdtemp(dir));
	snprintf(config, sizeof config, "%s/config.yaml", dir);
	snprintf(token, sizeof token, "%s/token", dir);
	write_file(token, "glrt-from-file\n");
	snprintf(text, sizeof text,
		 "runners:\n  - url: http://h\n    token_file: %s\n"
		 "  - url: http://h\n    token_file: token\n",
		 token);
	write_file(config, text);
	ck_assert_int_eq(unsetenv("CREDENTIALS_DIRECTORY"), 0);
	ck_assert_ptr_null(config_load(config, NULL, &arena, &errors, &e));
	ck_assert_ptr_nonnull(strstr(said(), ":4:5: runners[1]: token_file: neither an absolute"));
	errors.n = 0;
	ck_assert_int_eq(setenv("CREDENTIALS_DIRECTORY", dir, 1), 0);
	const struct config *c = config_load(config, NULL, &arena, &errors, &e);
	ck_assert_msg(c != NULL, "%s", e.msg);
	ck_assert_str_eq(c->runners[0].token, "glrt-from-file");
	ck_assert_str_eq(c->runners[1].token, "glrt-from-file");
	write_file(token, "\n");
	ck_assert_ptr_null(config_load(config, NULL, &arena, &errors, &e));
	ck_assert_ptr_nonnull(strstr(said(), "runners[0]: token_file: holds no token\n"));
	unlink(config);
	unlink(token);
	rmdir(dir);
	errors.n = 0;
	ck_assert_ptr_null(config_load(config, NULL, &arena, &errors, &e));
	ck_assert_uint_eq(errors.n, 0);
	ck_assert_ptr_nonnull(strstr(e.msg, "No such file"));
}
END_TEST

int main(void)
{
	Suite *s = suite_create("config");
	TCase *t = tcase_create("config");
	tcase_add_checked_fixture(t, setup, teardown);
	tcase_add_test(t, defaults);
	tcase_add_test(t, everything_is_read);
	tcase_add_test(t, overrides);
	tcase_add_loop_test(t, refusals_name_the_place, 0, sizeof refusals / sizeof *refusals);
	tcase_add_test(t, all_errors_at_once);
	tcase_add_loop_test(t, bad_overrides_are_refused, 0,
			    sizeof bad_overrides / sizeof *bad_overrides);
	tcase_add_test(t, errors_are_counted);
	tcase_add_loop_test(t, table_is_sound, 0, 2);
	tcase_add_test(t, token_files_are_read);
	suite_add_tcase(s, t);
	SRunner *r = srunner_create(s);
	srunner_run_all(r, CK_NORMAL);
	int failed = srunner_ntests_failed(r);
	srunner_free(r);
	return failed ? 1 : 0;
}
