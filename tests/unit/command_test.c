#include "runner/command.h"

#include "base/str.h"
#include "runner/command_complete.h"
#include "runner/command_help.h"
#include "runner/command_man.h"
#include "runner/commands.h"

#include <check.h>
#include <stdio.h>
#include <stdlib.h>
#include <string.h>

static struct arena arena = ARENA(1 << 20);
static struct command_line line;

static int ran(const struct command_line *l, struct err *e)
{
	(void)l;
	(void)e;
	return 0;
}

static const struct command_option file = { "file",           'f',         "FILE",
					    COMMAND_REQUIRED, "TEST_FILE", "a file" };
static const struct command_option set = { "set", 'o',        "KEY=VALUE", COMMAND_REPEATABLE,
					   NULL,  "set a key" };
static const struct command_option loud = { "loud", 'l', NULL, 0, NULL, "be loud" };
static const struct command_option quiet = { "quiet", 'q', NULL, 0, NULL, "be quiet" };

static const struct command verbs[] = {
	{ "build", NULL, 0, 0, "Build", "", false, { &file, &set, &loud, &quiet }, ran },
	{ "show", "NAME", 1, 2, "Show", "It is shown. All of it.", false, { &loud }, ran },
	{ "secret", NULL, 0, 0, "Hide", "", true, { NULL }, ran },
};
static const struct program program = { "tool", "A tool", verbs, 3 };

static void teardown(void)
{
	arena_done(&arena);
	unsetenv("TEST_FILE");
}

/* Words of text, separated by spaces, after the program's name. */
static int parse(const char *text, struct err *e)
{
	static char copy[512];
	char *argv[32] = { copy }, *save = NULL;
	int argc = 1;
	snprintf(copy, sizeof copy, "%s", text);
	for (char *w = strtok_r(copy, " ", &save); w; w = strtok_r(NULL, " ", &save))
		argv[argc++] = w;
	*e = (struct err){ 0 };
	line = (struct command_line){ .program = &program };
	return command_parse(&line, argc, argv, &arena, e);
}

static void refused(const char *text, const char *why)
{
	struct err e;
	ck_assert_int_eq(parse(text, &e), -1);
	ck_assert_str_eq(e.msg, why);
}

static void accepted(const char *text)
{
	struct err e;
	int r = parse(text, &e);
	ck_assert_msg(r == 0, "%s: %s", text, e.msg);
}

START_TEST(values_are_attached_or_follow)
{
	const char *const ways[] = { "build --file=a", "build --file a", "build -f a", "build -fa",
				     "build -lfa" };
	for (size_t i = 0; i < sizeof ways / sizeof *ways; i++) {
		accepted(ways[i]);
		ck_assert_str_eq(line.command->name, "build");
		ck_assert_str_eq(command_value(&line, "file"), "a");
	}
	ck_assert(command_has(&line, "loud"));
	ck_assert(!command_has(&line, "quiet"));
	accepted("build --file=");
	ck_assert_str_eq(command_value(&line, "file"), "");
	accepted("build -f -");
	ck_assert_str_eq(command_value(&line, "file"), "-");
	accepted("build --file=--x");
	ck_assert_str_eq(command_value(&line, "file"), "--x");
}
END_TEST

START_TEST(repeated_options_keep_their_order)
{
	accepted("build -f x -o a=1 --set b=2 -oc=3");
	const struct command_given *g = command_values(&line, "set");
	ck_assert_uint_eq(g->n, 3);
	ck_assert_str_eq(g->values[0], "a=1");
	ck_assert_str_eq(g->values[1], "b=2");
	ck_assert_str_eq(g->values[2], "c=3");
	refused("build -f x -f y", "--file: given more than once");
}
END_TEST

START_TEST(operands_come_anywhere)
{
	accepted("show one --loud two");
	ck_assert_uint_eq(line.noperands, 2);
	ck_assert_str_eq(line.operands[0], "one");
	ck_assert_str_eq(line.operands[1], "two");
	accepted("show -- --loud");
	ck_assert_str_eq(line.operands[0], "--loud");
	ck_assert(!command_has(&line, "loud"));
	accepted("show -");
	ck_assert_str_eq(line.operands[0], "-");
	refused("show", "\"show\" needs NAME");
	refused("show a b c", "c: one word too many for \"show\"");
	refused("build -f x y", "y: one word too many for \"build\"");
}
END_TEST

START_TEST(the_environment_stands_in)
{
	setenv("TEST_FILE", "from the environment", 1);
	accepted("build");
	ck_assert_str_eq(command_value(&line, "file"), "from the environment");
	accepted("build -f given");
	ck_assert_str_eq(command_value(&line, "file"), "given");
	setenv("TEST_FILE", "", 1);
	refused("build", "\"build\" needs --file=FILE");
}
END_TEST

START_TEST(what_is_wrong_is_said_with_what_is_near)
{
	refused("", "no command");
	refused("-x", "-x: a command comes first");
	refused("biuld", "biuld: no such command; did you mean \"build\"?");
	refused("secrets", "secrets: no such command");
	refused("frobnicate", "frobnicate: no such command");
	refused("build --flie=x", "--flie: no such option of \"build\"; did you mean \"--file\"?");
	refused("build --helpp", "--helpp: no such option of \"build\"; did you mean \"--help\"?");
	refused("build --zzzzzzzz", "--zzzzzzzz: no such option of \"build\"");
	refused("build -x", "-x: no such option of \"build\"");
	refused("build -f", "--file: needs a value, FILE");
	refused("build --loud=1 -f x", "--loud: takes no value");
}
END_TEST

START_TEST(help_and_version_ask_for_nothing_else)
{
	accepted("--help");
	ck_assert(line.help && !line.command);
	accepted("--version");
	ck_assert(line.version);
	accepted("build --help");
	ck_assert(line.help && line.command);
	accepted("show -h");
	ck_assert(line.help);
}
END_TEST

START_TEST(help_text)
{
	struct err e = { 0 };
	autobuf b = BUF(1 << 16);
	ck_assert_int_eq(command_help_program(&program, &b, &e), 0);
	ck_assert_str_eq(buf_cstr(&b), "Usage: tool COMMAND [OPTION]...\nA tool.\n\nCommands:\n"
				       "  build         Build\n  show          Show\n\n"
				       "\"tool COMMAND --help\" shows a command's options; "
				       "\"tool --version\" the version.\n");
	buf_clear(&b);
	ck_assert_int_eq(command_help_verb(&program, &verbs[0], &b, &e), 0);
	ck_assert_str_eq(buf_cstr(&b),
			 "Usage: tool build [OPTION]...\nBuild.\n\nOptions:\n"
			 "  -f, --file=FILE             a file (required) [$TEST_FILE]\n"
			 "  -o, --set=KEY=VALUE         set a key (may be repeated)\n"
			 "  -l, --loud                  be loud\n"
			 "  -q, --quiet                 be quiet\n"
			 "  -h, --help                  show this and exit\n");
	buf_clear(&b);
	ck_assert_int_eq(command_help_verb(&program, &verbs[1], &b, &e), 0);
	ck_assert(str_starts(buf_cstr(&b), "Usage: tool show [OPTION]... NAME...\nShow.\n\n"
					   "It is shown. All of it.\n\nOptions:\n"));
}
END_TEST

/* Every verb and option of the real table is in every form that is made from it, and fits. */
START_TEST(the_table_is_whole)
{
	int (*const forms[])(const struct program *, struct buf *,
			     struct err *) = { command_man, command_complete_bash,
					       command_complete_zsh, command_complete_fish };
	struct err e = { 0 };
	for (size_t f = 0; f < sizeof forms / sizeof *forms; f++) {
		autobuf b = BUF(1 << 20);
		ck_assert_int_eq(forms[f](&commands_courser, &b, &e), 0);
		for (size_t i = 0; i < commands_courser.ncommands; i++) {
			const struct command *c = &commands_courser.commands[i];
			ck_assert_int_eq(strstr(buf_cstr(&b), c->name) != NULL, true);
			for (size_t k = 0; !c->hidden && c->options[k]; k++)
				ck_assert_msg(strstr(buf_cstr(&b), c->options[k]->name) != NULL,
					      "%s", c->options[k]->name);
		}
	}
}
END_TEST

START_TEST(help_lines_are_short)
{
	struct err e = { 0 };
	for (size_t i = 0; i < commands_courser.ncommands; i++) {
		const struct command *c = &commands_courser.commands[i];
		autobuf b = BUF(1 << 20);
		ck_assert(c->run != NULL);
		ck_assert_ptr_nonnull(c->more);
		ck_assert_int_eq(command_help_verb(&commands_courser, c, &b, &e), 0);
		for (const char *s = buf_cstr(&b); *s;) {
			size_t n = strcspn(s, "\n");
			ck_assert_msg(n <= 80, "%s: %.*s", c->name, (int)n, s);
			s += n + (s[n] == '\n');
		}
	}
}
END_TEST

int main(void)
{
	Suite *s = suite_create("command");
	TCase *t = tcase_create("all");
	tcase_add_checked_fixture(t, NULL, teardown);
	tcase_add_test(t, values_are_attached_or_follow);
	tcase_add_test(t, repeated_options_keep_their_order);
	tcase_add_test(t, operands_come_anywhere);
	tcase_add_test(t, the_environment_stands_in);
	tcase_add_test(t, what_is_wrong_is_said_with_what_is_near);
	tcase_add_test(t, help_and_version_ask_for_nothing_else);
	tcase_add_test(t, help_text);
	tcase_add_test(t, the_table_is_whole);
	tcase_add_test(t, help_lines_are_short);
	suite_add_tcase(s, t);
	SRunner *r = srunner_create(s);
	srunner_run_all(r, CK_NORMAL);
	int failed = srunner_ntests_failed(r);
	srunner_free(r);
	return failed ? 1 : 0;
}
