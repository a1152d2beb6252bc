/* What is generated from the tables and committed is what the tables say now. */
#include "base/fd.h"
#include "runner/command_complete.h"
#include "runner/command_man.h"
#include "runner/commands.h"
#include "runner/config_man.h"

#include <check.h>
#include <string.h>

static const struct {
	const char *path, *how;
	int (*write)(const struct program *p, struct buf *out, struct err *e);
} files[] = {
	{ "contrib/man/courser.1", "man", command_man },
	{ "contrib/man/courser.yaml.5", "yaml", config_man },
	{ "contrib/completion/courser.bash", "bash", command_complete_bash },
	{ "contrib/completion/courser.zsh", "zsh", command_complete_zsh },
	{ "contrib/completion/courser.fish", "fish", command_complete_fish },
};

START_TEST(is_up_to_date)
{
	struct err e = { 0 };
	autobuf wanted = BUF(1 << 20);
	autobuf there = BUF(1 << 20);
	ck_assert_int_eq(files[_i].write(&commands_courser, &wanted, &e), 0);
	ck_assert_msg(fd_read_file(files[_i].path, &there, &e) == 0, "%s", e.msg);
	ck_assert_msg(wanted.len == there.len && memcmp(wanted.p, there.p, there.len) == 0,
		      "%s: run \"courser help --format=%s\" into it", files[_i].path,
		      files[_i].how);
}
END_TEST

int main(void)
{
	Suite *s = suite_create("generated");
	TCase *t = tcase_create("all");
	tcase_add_loop_test(t, is_up_to_date, 0, sizeof files / sizeof *files);
	suite_add_tcase(s, t);
	SRunner *r = srunner_create(s);
	srunner_run_all(r, CK_NORMAL);
	int failed = srunner_ntests_failed(r);
	srunner_free(r);
	return failed ? 1 : 0;
}
