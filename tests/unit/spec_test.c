#include "sandbox/spec.h"

#include <check.h>
#include <errno.h>
#include <stdlib.h>
#include <string.h>

static struct sandbox_spec good(void)
{
	struct sandbox_spec s;
	sandbox_spec_init(&s);
	s.nuids = s.ngids = 1;
	s.uids[0] = s.gids[0] = (struct sandbox_ids){ 0, 100000, 65536 };
	return s;
}

static struct sandbox_mount *add(struct sandbox_spec *s, enum sandbox_mount_kind kind,
				 const char *target, uint32_t flags)
{
	struct err e = { 0 };
	struct sandbox_mount *m = sandbox_spec_mount(s, kind, target, flags, &e);
	ck_assert_ptr_nonnull(m);
	return m;
}

/* Every text of a spec has room for what the tests put there. */
static void put(char *field, const char *text)
{
	memcpy(field, text, strlen(text) + 1);
}

/* The spec is refused and the error holds the word. */
static void refused(const struct sandbox_spec *s, size_t nfds, const char *word)
{
	struct err e = { 0 };
	ck_assert_int_eq(sandbox_spec_check(s, nfds, &e), -1);
	ck_assert_int_eq(e.code, EINVAL);
	ck_assert_msg(strstr(e.msg, word) != NULL, "\"%s\" is not in: %s", word, e.msg);
}

static void accepted(const struct sandbox_spec *s, size_t nfds)
{
	struct err e = { 0 };
	ck_assert_msg(sandbox_spec_check(s, nfds, &e) == 0, "refused: %s", e.msg);
}

START_TEST(a_whole_spec_is_accepted)
{
	struct sandbox_spec s = good();
	accepted(&s, 0);
	add(&s, SANDBOX_BIND_FD, "/builds/tree", SANDBOX_OWN)->fd = 1;
	add(&s, SANDBOX_TMPFS, "/files", SANDBOX_NOEXEC)->size = 1 << 20;
	put(add(&s, SANDBOX_BIND_PATH, "/srv/data", SANDBOX_READONLY)->source, "/srv/data");
	accepted(&s, 2);
}
END_TEST

START_TEST(heads_out_of_range)
{
	struct sandbox_spec s = good();
	s.version++;
	refused(&s, 0, "version");
	s = good();
	s.net = SANDBOX_NETS;
	refused(&s, 0, "network");
	s = good();
	s.map_by = SANDBOX_MAP_WAYS;
	refused(&s, 0, "mapping");
	s = good();
	s.cgroup_fd = 0;
	refused(&s, 0, "fds");
	s.cgroup_fd = -2;
	refused(&s, 3, "fds");
	s = good();
	refused(&s, SANDBOX_FDS + 1, "fds");
	s.tmp_bytes = 0;
	refused(&s, 0, "tmp_bytes");
}
END_TEST

START_TEST(the_network_of_another)
{
	struct sandbox_spec s = good();
	s.net_fd = 0;
	refused(&s, 1, "network");
	s.net = SANDBOX_NET_JOIN;
	accepted(&s, 1);
	refused(&s, 0, "network");
	s.net_fd = -1;
	refused(&s, 1, "network");
	s.net = SANDBOX_NET_NONE;
	put(s.aliases, "postgres tutum__wordpress a-b.c");
	accepted(&s, 0);
	put(s.aliases, "a\tb");
	refused(&s, 0, "aliases");
	put(s.aliases, "a\n127.0.0.2 b");
	refused(&s, 0, "aliases");
	memset(s.aliases, 'a', sizeof s.aliases);
	refused(&s, 0, "aliases");
}
END_TEST

START_TEST(ids_that_must_not_be)
{
	struct sandbox_spec s = good();
	s.uids[0].outside = 0;
	refused(&s, 0, "uid map");
	s = good();
	s.gids[0].outside = 0;
	refused(&s, 0, "gid map");
	s = good();
	s.nuids = 0;
	refused(&s, 0, "0 rows");
	s.nuids = SANDBOX_MAPS + 1;
	refused(&s, 0, "5 rows");
	s = good();
	s.uids[0].count = 0;
	refused(&s, 0, "row 0");
	s.uids[0].count = UINT32_MAX;
	refused(&s, 0, "row 0");
	s.uids[0] = (struct sandbox_ids){ UINT32_MAX - 1, 100000, 4 };
	refused(&s, 0, "row 0");
	s = good();
	s.uid = 70000;
	refused(&s, 0, "not mapped");
	s = good();
	s.gid = 0; /* mapped, but the job is never root */
	refused(&s, 0, "gid map");
}
END_TEST

START_TEST(rows_that_overlap)
{
	struct sandbox_spec s = good();
	s.nuids = 2;
	s.uids[1] = (struct sandbox_ids){ 65535, 5, 1 };
	refused(&s, 0, "overlap");
	s.uids[1] = (struct sandbox_ids){ 65536, 100001, 1 };
	refused(&s, 0, "overlap");
	s.uids[1] = (struct sandbox_ids){ 65536, 999, 1 };
	accepted(&s, 0);
}
END_TEST

START_TEST(outside_of_an_inner_id)
{
	const struct sandbox_ids maps[] = { { 0, 100000, 65535 }, { 65535, 999, 1 } };
	ck_assert_uint_eq(sandbox_ids_outside(maps, 2, 1000), 101000);
	ck_assert_uint_eq(sandbox_ids_outside(maps, 2, 65534), 165534);
	ck_assert_uint_eq(sandbox_ids_outside(maps, 2, 65535), 999);
	ck_assert_uint_eq(sandbox_ids_outside(maps, 2, 65536), UINT32_MAX);
}
END_TEST

static const struct {
	const char *path;
	int ok;
} paths[] = {
	{ "/builds", 1 },    { "/a/b.c/..d", 1 }, { "/procfs", 1 },    { "/devel/x", 1 },
	{ "", 0 },           { "/", 0 },          { "builds", 0 },     { "/a/", 0 },
	{ "//a", 0 },        { "/a//b", 0 },      { "/a/../b", 0 },    { "/..", 0 },
	{ "/a/.", 0 },       { "/./a", 0 },       { "/a\nb", 0 },      { "/proc", 0 },
	{ "/proc/self", 0 }, { "/sys/fs", 0 },    { "/dev/shm/x", 0 }, { "/a\x7f", 0 },
};

START_TEST(places_for_mounts)
{
	ck_assert_int_eq(sandbox_path_ok(paths[_i].path), paths[_i].ok);
}
END_TEST

START_TEST(a_path_has_an_end)
{
	char path[SANDBOX_PATH + 1];
	memset(path, 'a', sizeof path);
	path[0] = '/';
	path[SANDBOX_PATH] = '\0';
	ck_assert(!sandbox_path_ok(path));
	path[SANDBOX_PATH - 1] = '\0';
	ck_assert(sandbox_path_ok(path));
}
END_TEST

START_TEST(texts_without_an_end)
{
	struct sandbox_spec s = good();
	memset(s.hostname, 'a', sizeof s.hostname);
	refused(&s, 0, "hostname");
	s = good();
	memset(s.home, 'a', sizeof s.home);
	refused(&s, 0, "home");
	s = good();
	put(s.work, "/proc/builds");
	refused(&s, 0, "work");
	s = good();
	put(s.work, "builds");
	refused(&s, 0, "work");
	s = good();
	struct sandbox_mount *m = add(&s, SANDBOX_TMPFS, "/x", 0);
	m->size = 1 << 20;
	memset(m->target, '/', sizeof m->target);
	refused(&s, 0, "malformed");
}
END_TEST

START_TEST(hostnames)
{
	static const char *const bad[] = { "", "-a", "a b", "a/b", "a\nb", "a_b" };
	struct sandbox_spec s = good();
	for (size_t i = 0; i < sizeof bad / sizeof *bad; i++) {
		put(s.hostname, bad[i]);
		refused(&s, 0, "hostname");
	}
	put(s.hostname, "runner-1.example");
	accepted(&s, 0);
}
END_TEST

START_TEST(mounts_that_must_not_be)
{
	struct sandbox_spec s = good();
	add(&s, SANDBOX_BIND_FD, "/proc/x", 0);
	refused(&s, 1, "not a place");
	s = good();
	add(&s, SANDBOX_BIND_FD, "/dev/kvm", 0);
	refused(&s, 1, "not a place");
	s.mounts[0].flags = SANDBOX_DEVICE;
	accepted(&s, 1);
	put(s.mounts[0].target, "/dev/../kvm");
	refused(&s, 1, "not a place");
	put(s.mounts[0].target, "/dev");
	refused(&s, 1, "not a place");
	s = good();
	add(&s, SANDBOX_BIND_FD, "/x", 0)->fd = 1;
	refused(&s, 1, "source");
	s = good();
	add(&s, SANDBOX_BIND_PATH, "/x", 0);
	refused(&s, 0, "source");
	put(s.mounts[0].source, "/a/../etc");
	refused(&s, 0, "source");
	s = good();
	add(&s, SANDBOX_TMPFS, "/x", 0);
	refused(&s, 0, "source");
	s.mounts[0].size = 1 << 20;
	s.mounts[0].flags = 16;
	refused(&s, 0, "flags");
	s.mounts[0].flags = 0;
	s.mounts[0].kind = SANDBOX_FOLDER;
	refused(&s, 0, "source");
	s.mounts[0].size = 0;
	refused(&s, 0, "a folder without an image");
	s.image.nlayers = 1;
	s.image.upper_fd = -1;
	s.image.layers_fd = 0;
	accepted(&s, 1);
	s.image.nlayers = 0;
	s.mounts[0].kind = SANDBOX_MOUNT_KINDS;
	refused(&s, 0, "kind");
	s = good();
	s.nmounts = SANDBOX_MOUNTS + 1;
	refused(&s, 0, "mounts");
}
END_TEST

START_TEST(room_for_mounts)
{
	struct sandbox_spec s = good();
	struct err e = { 0 };
	for (int i = 0; i < SANDBOX_MOUNTS; i++)
		add(&s, SANDBOX_TMPFS, "/x", 0);
	ck_assert_ptr_null(sandbox_spec_mount(&s, SANDBOX_TMPFS, "/x", 0, &e));
	ck_assert_int_eq(e.code, E2BIG);
	ck_assert_uint_eq(s.nmounts, SANDBOX_MOUNTS);
}
END_TEST

int main(void)
{
	TCase *t = tcase_create("spec");
	tcase_add_test(t, a_whole_spec_is_accepted);
	tcase_add_test(t, heads_out_of_range);
	tcase_add_test(t, the_network_of_another);
	tcase_add_test(t, ids_that_must_not_be);
	tcase_add_test(t, rows_that_overlap);
	tcase_add_test(t, outside_of_an_inner_id);
	tcase_add_loop_test(t, places_for_mounts, 0, sizeof paths / sizeof *paths);
	tcase_add_test(t, a_path_has_an_end);
	tcase_add_test(t, texts_without_an_end);
	tcase_add_test(t, hostnames);
	tcase_add_test(t, mounts_that_must_not_be);
	tcase_add_test(t, room_for_mounts);
	Suite *s = suite_create("spec");
	suite_add_tcase(s, t);
	SRunner *r = srunner_create(s);
	srunner_run_all(r, CK_NORMAL);
	int failed = srunner_ntests_failed(r);
	srunner_free(r);
	return failed ? EXIT_FAILURE : EXIT_SUCCESS;
}
