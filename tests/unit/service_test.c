#include "executor/service.h"

#include <check.h>
#include <stdlib.h>
#include <string.h>

struct name_row {
	const char *name, *alias, *taken, *want;
	unsigned bad;
};

static const struct name_row names[] = {
	{ "postgres", "", "", "postgres", 0 },
	{ "postgres:16", "db", "", "postgres db", 0 },
	{ "tutum/wordpress:latest", "", "", "tutum__wordpress tutum-wordpress", 0 },
	{ "registry.example:5000/a/b:1", "", "", "registry.example__a__b registry.example-a-b", 0 },
	{ "registry.example:5000/a@sha256:0011", "x,y z", "",
	  "registry.example__a registry.example-a x y z", 0 },
	{ "postgres:16", "db, cache", "postgres cache", "postgres cache db", 0 },
	{ "postgres:16", "", "postgres", "postgres", 0 },
	{ "x", "a/b, .c, -d, e_f", "", "x e_f", 3 },
	{ "oci:/srv/images/redis:7", "", "", "redis", 0 },
	{ "oci:/srv/images/redis", "", "", "redis", 0 },
	{ "", "", "", "", 0 },
	{ "", "db other", "", "db other", 0 },
};

START_TEST(names_of_a_service)
{
	const struct name_row *r = &names[_i];
	struct err e = { 0 };
	autobuf taken = BUF(2048);
	unsigned bad = 99;
	ck_assert_int_eq(buf_str(&taken, r->taken, &e), 0);
	ck_assert_msg(service_names(r->name, r->alias, &taken, &bad, &e) == 0, "%s", e.msg);
	ck_assert_str_eq(buf_cstr(&taken), r->want);
	ck_assert_uint_eq(bad, r->bad);
}
END_TEST

START_TEST(names_have_a_limit)
{
	struct err e = { 0 };
	autobuf taken = BUF(8);
	unsigned bad;
	ck_assert_int_eq(service_names("postgresql", "", &taken, &bad, &e), -1);
	ck_assert_str_ne(e.msg, "");
}
END_TEST

START_TEST(ports)
{
	static const struct {
		const char *text;
		unsigned port;
	} rows[] = {
		{ "5432/tcp", 5432 },
		{ "80", 80 },
		{ "65535/tcp", 65535 },
		{ "65536/tcp", 0 },
		{ "53/udp", 0 },
		{ "0/tcp", 0 },
		{ "", 0 },
		{ "/tcp", 0 },
		{ "x/tcp", 0 },
		{ "80/tcpx", 0 },
		{ "123456789/tcp", 0 },
	};
	for (size_t i = 0; i < sizeof rows / sizeof *rows; i++)
		ck_assert_msg(service_port(rows[i].text) == rows[i].port, "%s", rows[i].text);
}
END_TEST

int main(void)
{
	Suite *s = suite_create("service");
	TCase *t = tcase_create("service");
	tcase_add_loop_test(t, names_of_a_service, 0, sizeof names / sizeof *names);
	tcase_add_test(t, names_have_a_limit);
	tcase_add_test(t, ports);
	suite_add_tcase(s, t);
	SRunner *r = srunner_create(s);
	srunner_run_all(r, CK_NORMAL);
	int failed = srunner_ntests_failed(r);
	srunner_free(r);
	return failed ? EXIT_FAILURE : EXIT_SUCCESS;
}
