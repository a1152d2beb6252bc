#include "base/buf.h"
#include "executor/workflow_command.h"

#include <check.h>
#include <stdlib.h>
#include <string.h>

static struct arena arena;
static struct workflow_commands commands;
static struct workflow_command got;
static struct err e;

static void setup(void)
{
	arena = (struct arena)ARENA(16 << 20);
	commands = (struct workflow_commands){ .a = &arena };
	e = (struct err){ 0 };
}

static void teardown(void)
{
	workflow_commands_done(&commands);
	arena_done(&arena);
}

static enum workflow_verb take(const char *line)
{
	int r = workflow_commands_take(&commands, line, strlen(line), &got, &e);
	ck_assert_msg(r == 0, "%s: %s", line, e.msg);
	return got.verb;
}

START_TEST(lines_that_are_commands)
{
	static const struct {
		const char *line;
		enum workflow_verb verb;
		const char *data;
	} rows[] = {
		{ "::debug::x", WORKFLOW_DEBUG, "x" },
		{ "  \t::DEBUG::x: ::y", WORKFLOW_DEBUG, "x: ::y" },
		{ "::error file=a.c,line=1::boo", WORKFLOW_ERROR, "boo" },
		{ "::warning ::", WORKFLOW_WARNING, "" },
		{ "::notice::", WORKFLOW_NOTICE, "" },
		{ "::group::Build it", WORKFLOW_GROUP, "Build it" },
		{ "::endgroup::", WORKFLOW_ENDGROUP, "" },
		{ "::add-mask::%25%0D%0A%3A%2C%0d", WORKFLOW_ADD_MASK, "%\r\n%3A%2C%0d" },
		{ "::add-mask::%250A%25250A%", WORKFLOW_ADD_MASK, "%0A%250A%" },
		{ "::add-matcher::.github/x.json", WORKFLOW_ADD_MATCHER, ".github/x.json" },
		{ "::remove-matcher owner=x::", WORKFLOW_REMOVE_MATCHER, "" },
		{ "::set-output name=a::1", WORKFLOW_SET_OUTPUT, "1" },
		{ "::save-state name=a::1", WORKFLOW_SAVE_STATE, "1" },
		{ "##[group]Build", WORKFLOW_GROUP, "Build" },
		{ "2024-01-01 ##[error]x%3B%5D%25]", WORKFLOW_ERROR, "x;]%]" },
		{ "##[endgroup]", WORKFLOW_ENDGROUP, "" },
		{ "::foo:: ##[debug]y", WORKFLOW_DEBUG, "y" },
	};
	for (size_t i = 0; i < sizeof rows / sizeof *rows; i++) {
		ck_assert_msg(take(rows[i].line) == rows[i].verb, "%s", rows[i].line);
		ck_assert_str_eq(got.data, rows[i].data);
		ck_assert_uint_eq(got.n, strlen(rows[i].data));
		ck_assert(!got.shown);
	}
}
END_TEST

START_TEST(lines_that_are_none)
{
	static const char *const lines[] = { "",
					     ":",
					     "::",
					     "::error",
					     "::error:x",
					     "x ::error::y",
					     ":: error::x",
					     "::errors::x",
					     "::unknown::",
					     "##[error",
					     "##error]",
					     "#[error]x",
					     "##[errors]x",
					     "::internal-set-repo-path::x",
					     "::::error::" };
	for (size_t i = 0; i < sizeof lines / sizeof *lines; i++) {
		ck_assert_msg(take(lines[i]) == WORKFLOW_NONE, "%s", lines[i]);
		ck_assert(got.shown);
	}
}
END_TEST

static void property_is(const char *name, const char *want)
{
	const char *value = workflow_command_property(&got, name);
	ck_assert_msg(value && strcmp(value, want) == 0, "%s: %s", name, value ? value : "none");
}

START_TEST(properties)
{
	take("::error FILE=a%2Cb%3Ac%25,line = 5, col=7,,x,=y,empty=,t=a=b,t=c::m");
	property_is("file", "a,b:c%");
	property_is("Line", " 5");
	property_is("col", "7");
	property_is("t", "c");
	ck_assert_uint_eq(got.nproperties, 4);
	ck_assert_ptr_null(workflow_command_property(&got, "empty"));
	take("##[warning file=a;line=2%3B%5D;]m");
	property_is("file", "a");
	property_is("line", "2;]");
	take("::error a1=1,a2=1,a3=1,a4=1,a5=1,a6=1,a7=1,a8=1,a9=1,a10=1,a11=1,a12=1,a13=1,a14=1,"
	     "a15=1,a16=1,a17=1,a16=2::m");
	ck_assert_uint_eq(got.nproperties, WORKFLOW_PROPERTIES);
	property_is("a16", "2");
	ck_assert_ptr_null(workflow_command_property(&got, "a17"));
}
END_TEST

START_TEST(commands_can_be_stopped)
{
	ck_assert_int_eq(take("::stop-commands::Token-1"), WORKFLOW_STOP);
	ck_assert(got.shown && commands.stop);
	ck_assert_int_eq(take("::error::x"), WORKFLOW_NONE);
	ck_assert_int_eq(take("::stop-commands::other"), WORKFLOW_NONE);
	ck_assert_int_eq(take("::Token-2::"), WORKFLOW_NONE);
	ck_assert(got.shown);
	ck_assert_int_eq(take("::token-1::"), WORKFLOW_RESUME);
	ck_assert(got.shown && !commands.stop);
	ck_assert_int_eq(take("::Token-1::"), WORKFLOW_NONE);
	ck_assert_int_eq(take("##[stop-commands]abc"), WORKFLOW_STOP);
	ck_assert_int_eq(take("x ##[abc]"), WORKFLOW_RESUME);
	ck_assert_int_eq(take("::error::x"), WORKFLOW_ERROR);
}
END_TEST

static void refused(const char *line, enum workflow_verb verb, const char *want)
{
	ck_assert_int_eq(workflow_commands_take(&commands, line, strlen(line), &got, &e), -1);
	ck_assert_int_eq(got.verb, verb);
	ck_assert_msg(strstr(e.msg, want) != NULL, "%s", e.msg);
	ck_assert_ptr_null(strstr(e.msg, "secret"));
}

START_TEST(weak_tokens_are_refused)
{
	refused("::stop-commands::", WORKFLOW_STOP, "must not be empty");
	refused("::stop-commands::ERROR", WORKFLOW_STOP, "command's name");
	refused("::stop-commands::pause-logging", WORKFLOW_STOP, "command's name");
	commands.allow_weak_tokens = true;
	ck_assert_int_eq(take("::stop-commands::error"), WORKFLOW_STOP);
	ck_assert_int_eq(take("::warning::x"), WORKFLOW_NONE);
	ck_assert_int_eq(take("::error::x"), WORKFLOW_RESUME);
}
END_TEST

START_TEST(what_cannot_be_carried_out)
{
	refused("::set-env name=a::secret", WORKFLOW_SET_ENV, "write to $GITHUB_ENV");
	refused("::add-path::secret", WORKFLOW_ADD_PATH, "write to $GITHUB_PATH");
	refused("::set-output::secret", WORKFLOW_SET_OUTPUT, "\"name\" is missing");
	refused("::save-state id=a::secret", WORKFLOW_SAVE_STATE, "\"name\" is missing");
	refused("::echo::maybe", WORKFLOW_ECHO, "neither on nor off");
	commands.allow_unsecure = true;
	ck_assert_int_eq(take("::set-env name=a::b"), WORKFLOW_SET_ENV);
	property_is("name", "a");
	ck_assert_int_eq(take("::add-path::/x"), WORKFLOW_ADD_PATH);
	refused("::set-env::secret", WORKFLOW_SET_ENV, "\"name\" is missing");
	struct arena small = ARENA(4);
	commands.a = &small;
	refused("::error file=abc::secret", WORKFLOW_ERROR, "out of memory");
	refused("::error::secret", WORKFLOW_ERROR, "out of memory");
	arena_done(&small);
}
END_TEST

START_TEST(echo)
{
	take("::echo::on");
	ck_assert(commands.echo && !got.shown);
	take("::set-output name=a::b");
	ck_assert(got.shown);
	take("::add-mask::b");
	ck_assert(!got.shown);
	take("::error::b");
	ck_assert(!got.shown);
	take("::echo:: Off ");
	ck_assert(!commands.echo && got.shown);
	take("::group::b");
	ck_assert(!got.shown);
}
END_TEST

START_TEST(annotations)
{
	static const struct {
		const char *line;
		uint32_t from, to, column, end;
	} rows[] = {
		{ "::error::m", 0, 0, 0, 0 },
		{ "::error line=3::m", 3, 0, 0, 0 },
		{ "::error line=3,endLine=5::m", 3, 5, 0, 0 },
		{ "::error line=3,endLine=3,col=2,endColumn=4::m", 3, 3, 2, 4 },
		{ "::error line=3,col=2::m", 3, 0, 2, 0 },
		{ "::error line=3,endColumn=4::m", 3, 0, 4, 4 },
		{ "::error endLine=3::m", 3, 3, 0, 0 },
		{ "::error col=3,endColumn=4::m", 0, 0, 0, 0 },
		{ "::error line=3,endLine=4,col=2::m", 3, 4, 0, 0 },
		{ "::error line=5,endLine=4::m", 0, 0, 0, 0 },
		{ "::error line=3,col=5,endColumn=4::m", 3, 0, 0, 0 },
		{ "::error line=x,col=-1::m", 0, 0, 0, 0 },
		{ "::error line=99999999999::m", 0, 0, 0, 0 },
	};
	for (size_t i = 0; i < sizeof rows / sizeof *rows; i++) {
		struct annotation a;
		take(rows[i].line);
		workflow_command_annotation(&got, &a);
		ck_assert_msg(a.line == rows[i].from && a.end_line == rows[i].to &&
				      a.column == rows[i].column && a.end_column == rows[i].end,
			      "%s: %u-%u %u-%u", rows[i].line, a.line, a.end_line, a.column,
			      a.end_column);
	}
	struct annotation a;
	take("::warning file=src/a.c,title=Oh%3A::text%0Amore");
	workflow_command_annotation(&got, &a);
	ck_assert_int_eq(a.severity, ANNOTATION_WARNING);
	ck_assert_str_eq(a.file, "src/a.c");
	ck_assert_str_eq(a.title, "Oh:");
	ck_assert_str_eq(a.message, "text\nmore");
	take("::notice::x");
	workflow_command_annotation(&got, &a);
	ck_assert(a.severity == ANNOTATION_NOTICE && !*a.file && !*a.title && !*a.code);
}
END_TEST

static int note_mask(void *arg, const char *s, size_t n, struct err *err)
{
	struct buf *all = arg;
	return buf_printf(all, err, "<%.*s>", (int)n, s);
}

static void masks_are(const char *line, const char *want)
{
	autobuf all = BUF(1000);
	take(line);
	ck_assert_int_eq(workflow_command_masks(&got, note_mask, &all, &e), 0);
	ck_assert_str_eq(buf_cstr(&all), want);
}

START_TEST(masks)
{
	masks_are("::add-mask::abc", "<abc>");
	masks_are("::add-mask::", "");
	masks_are("::add-mask:: %0A ", "");
	masks_are("::add-mask:: abc ", "< abc ><abc>");
	masks_are("::add-mask::one%0D%0A two %0A%0Athree%0A",
		  "<one\r\n two \n\nthree\n><one><two><three>");
	struct buf small = BUF(3);
	take("::add-mask::abcdef");
	ck_assert_int_eq(workflow_command_masks(&got, note_mask, &small, &e), -1);
	buf_done(&small);
}
END_TEST

int main(void)
{
	Suite *s = suite_create("workflow_command");
	TCase *t = tcase_create("workflow_command");
	tcase_add_checked_fixture(t, setup, teardown);
	tcase_add_test(t, lines_that_are_commands);
	tcase_add_test(t, lines_that_are_none);
	tcase_add_test(t, properties);
	tcase_add_test(t, commands_can_be_stopped);
	tcase_add_test(t, weak_tokens_are_refused);
	tcase_add_test(t, what_cannot_be_carried_out);
	tcase_add_test(t, echo);
	tcase_add_test(t, annotations);
	tcase_add_test(t, masks);
	suite_add_tcase(s, t);
	SRunner *r = srunner_create(s);
	srunner_run_all(r, CK_NORMAL);
	int failed = srunner_ntests_failed(r);
	srunner_free(r);
	return failed ? EXIT_FAILURE : EXIT_SUCCESS;
}
