/* Containers of a workflow job: their texts evaluated, ports, volumes, what the context job says of them. */
#include "executor/workflow_container.h"
#include "protocol/workflow_read.h"

#include <check.h>
#include <errno.h>
#include <stdlib.h>
#include <string.h>

static struct arena arena;
static struct err e;
static struct workflow w;
static struct workflow_read work;
static struct workflow_container got;

static const struct job_context contexts[] = {
	{ "github", "{\"ref_name\":\"main\",\"server_url\":\"http://h/\"}" },
	{ "secrets", "{\"S\":\"hush\"}" },
	{ "vars", "{}" },
	{ "needs", "{}" },
	{ "matrix", "{\"image\":\"docker://alpine:3\",\"none\":\"\"}" },
};
static const struct workflow_facts facts = { "/builds/b/d", "/tmp", "here", "/f/event.json" };

static void setup(void)
{
	arena = (struct arena)ARENA(16 << 20);
	e = (struct err){ 0 };
}

static void teardown(void)
{
	arena_done(&arena);
}

/* The job with these keys and a step. */
static void open_job(const char *keys)
{
	const char *text = arena_printf(
		&arena, &e, "jobs: {a: {runs-on: x, steps: [{run: x}], env: {TOP: top}, %s}}",
		keys);
	ck_assert_ptr_nonnull(text);
	ck_assert_msg(workflow_read(text, strlen(text), &arena, &work, &e) == 0, "%s", e.msg);
	ck_assert_str_eq(work.workflow->refusal, "");
	work.workflow->contexts = contexts;
	work.workflow->ncontexts = sizeof contexts / sizeof *contexts;
	ck_assert_msg(workflow_open(&w, work.workflow, &facts, &arena, &e) == 0, "%s", e.msg);
}

static const char *text(const char *s)
{
	const struct job_text t = { s, 9, 14 };
	const char *said = workflow_text(&w, &t, &e);
	return said ? said : e.msg;
}

START_TEST(the_jobs_own)
{
	open_job("container: {image: '${{ matrix.image }}', env: {A: '${{ env.TOP }}', TOP: low}, "
		 "options: -e A=x -e B=y --user 5, volumes: '/v/', "
		 "credentials: {username: u, password: '${{ secrets.S }}'}}");
	ck_assert_msg(workflow_container(&w, &work.workflow->container, &got, &e) == 0, "%s",
		      e.msg);
	ck_assert_str_eq(got.image.name, "alpine:3");
	ck_assert_str_eq(got.image.user, "5");
	ck_assert_uint_eq(got.image.nvars, 0);
	ck_assert_str_eq(got.login.url, "docker.io");
	ck_assert_str_eq(got.login.password, "hush");
	ck_assert_uint_eq(got.nvolumes, 1);
	ck_assert_str_eq(got.volumes[0], "/v");
	ck_assert_str_eq(got.volume_names[0], "");
	ck_assert_int_eq(workflow_put_containers(&w, &got, NULL, 0, &e), 0);
	ck_assert_str_eq(text("${{ job.container.id }} ${{ job.container.network }} ${{ "
			      "job.services.x }} ${{ job.status }}"),
			 "job job  success");
	struct vars *vars = vars_new(&arena, &e);
	ck_assert_int_eq(workflow_step_env(&w, &work.workflow->runs[0], "s", vars, &e), 0);
	ck_assert_str_eq(vars_get(vars, "A"), "top");
	ck_assert_str_eq(vars_get(vars, "B"), "y");
	ck_assert_str_eq(vars_get(vars, "TOP"), "low");
}
END_TEST

START_TEST(services)
{
	open_job("services: {db: {image: 'r.example:5/a/b@sha256:00', ports: ['8080:80', 5432], "
		 "env: {A: 1}, volumes: [data:/d], options: --network-alias other}, "
		 "none: {image: '${{ matrix.none }}', options: --nonsense}, plain: redis}");
	struct workflow_container list[3];
	ck_assert_uint_eq(work.workflow->nservices, 3);
	for (size_t i = 0; i < 3; i++)
		ck_assert_msg(workflow_container(&w, &work.workflow->services[i], &list[i], &e) ==
				      0,
			      "%s", e.msg);
	ck_assert_str_eq(list[0].login.url, "r.example:5");
	ck_assert_str_eq(list[0].image.alias, "db other");
	ck_assert_uint_eq(list[0].image.nvars, 1);
	ck_assert(list[0].image.vars[0].raw);
	ck_assert_str_eq(list[0].volume_names[0], "data");
	ck_assert_str_eq(list[1].image.name, "");
	ck_assert_str_eq(list[2].image.name, "redis");
	ck_assert_str_eq(list[2].login.user, "");
	ck_assert_int_eq(workflow_put_containers(&w, NULL, list, 3, &e), 0);
	ck_assert_str_eq(text("${{ job.services.db.ports[80] }} ${{ job.services.db.ports['5432'] "
			      "}} ${{ job.services.plain.id }} ${{ job.services.none.id }}."),
			 "8080 5432 plain .");
}
END_TEST

struct port_row {
	const char *text;
	unsigned host, inside;
	bool udp;
};

static const struct port_row ports[] = {
	{ "80", 80, 80, false },
	{ "8080:80", 8080, 80, false },
	{ "8080:80/udp", 8080, 80, true },
	{ "53/tcp", 53, 53, false },
	{ "127.0.0.1:8080:80", 8080, 80, false },
	{ "127.0.0.1::80", 80, 80, false },
	{ "0:80", 80, 80, false },
	{ "", 0, 0, false },
	{ "80-90", 0, 0, false },
	{ "80:", 0, 0, false },
	{ "80:65536", 0, 0, false },
	{ "80:0", 0, 0, false },
	{ "x:80", 0, 0, false },
	{ "80/sctp", 0, 0, false },
	{ "11111111111111111111111111111111111111111111111111111111111111111:1", 0, 0, false },
};

START_TEST(ports_of_all_kinds)
{
	const struct port_row *r = &ports[_i];
	struct workflow_port p = { 0 };
	ck_assert_int_eq(workflow_port_parse(r->text, &p, &e), r->inside ? 0 : -1);
	ck_assert_uint_eq(p.host, r->host);
	ck_assert_uint_eq(p.inside, r->inside);
	ck_assert_int_eq(p.udp, r->udp);
}
END_TEST

struct volume_row {
	const char *text, *name, *path; /* path NULL: refused */
};

static const struct volume_row volumes[] = {
	{ "/a/b", "", "/a/b" },      { "/a/b///", "", "/a/b" },
	{ "data:/a", "data", "/a" }, { "d.a_t-a:/a:ro", "d.a_t-a", "/a" },
	{ "/host:/a", NULL, NULL },  { "./x:/a", NULL, NULL },
	{ "~/x:/a", NULL, NULL },    { "x:a", NULL, NULL },
	{ "x", NULL, NULL },         { "/", NULL, NULL },
	{ "x:/a/../b", NULL, NULL }, { "x:/proc", NULL, NULL },
	{ ":/a", "", "/a" },         { "", NULL, NULL },
};

START_TEST(volumes_of_all_kinds)
{
	const struct volume_row *r = &volumes[_i];
	const char *name = "?", *path = "?";
	ck_assert_int_eq(workflow_volume_parse(r->text, &arena, &name, &path, &e),
			 r->path ? 0 : -1);
	ck_assert_str_eq(name, r->path ? r->name : "?");
	ck_assert_str_eq(path, r->path ? r->path : "?");
	if (!r->path)
		ck_assert_int_eq(e.code, EINVAL);
}
END_TEST

struct bad_row {
	const char *keys, *why;
};

static const struct bad_row wrong[] = {
	{ "container: {image: x, ports: [y]}",
	  "the value at line 1, column 90 of the workflow: \"y\" is no port like 8080:80" },
	{ "container: {image: x, options: --nonsense}",
	  "the value at line 1, column 91 of the workflow: options: --nonsense is no option of a "
	  "container" },
	{ "container: {image: x, env: {A: '${{ nothing() }}'}}",
	  "the value at line 1, column 91 of the workflow: " },
	{ "container: {image: x, volumes: [/1, /2, /3, /4, /5, /6, /7, /8, /9]}",
	  "volumes: more than 8" },
};

START_TEST(what_is_wrong_names_its_place)
{
	open_job(wrong[_i].keys);
	ck_assert_int_eq(workflow_container(&w, &work.workflow->container, &got, &e), -1);
	ck_assert_msg(strstr(e.msg, wrong[_i].why) != NULL, "%s", e.msg);
}
END_TEST

int main(void)
{
	Suite *s = suite_create("workflow container");
	TCase *t = tcase_create("workflow container");
	tcase_add_checked_fixture(t, setup, teardown);
	tcase_add_test(t, the_jobs_own);
	tcase_add_test(t, services);
	tcase_add_loop_test(t, ports_of_all_kinds, 0, sizeof ports / sizeof *ports);
	tcase_add_loop_test(t, volumes_of_all_kinds, 0, sizeof volumes / sizeof *volumes);
	tcase_add_loop_test(t, what_is_wrong_names_its_place, 0, sizeof wrong / sizeof *wrong);
	suite_add_tcase(s, t);
	SRunner *r = srunner_create(s);
	srunner_run_all(r, CK_NORMAL);
	int failed = srunner_ntests_failed(r);
	srunner_free(r);
	return failed ? EXIT_FAILURE : EXIT_SUCCESS;
}
