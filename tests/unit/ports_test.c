#include "sandbox/ports.h"

#include <arpa/inet.h>
#include <check.h>
#include <stdlib.h>
#include <string.h>
#include <sys/socket.h>
#include <unistd.h>

struct line_row {
	const char *line;
	bool reached;
	unsigned port;
};

static const struct line_row lines[] = {
	{ "   0: 00000000:1538 00000000:0000 0A 00000000:00000000 00:00000000", true, 5432 },
	{ "  10: 0100007F:0050 00000000:0000 0A 00000000:00000000 00:00000000", true, 80 },
	{ "   1: 0200007F:0050 00000000:0000 0A 00000000:00000000 00:00000000", false, 0 },
	{ "   1: 0100007F:0050 0100007F:A553 01 00000000:00000000 00:00000000", false, 0 },
	{ "   1: 00000000000000000000000000000000:1F90 00000000000000000000000000000000:0000 0A 0",
	  true, 8080 },
	{ "   1: 00000000000000000000000001000000:1F90 00000000000000000000000000000000:0000 0A 0",
	  false, 0 },
	{ "   1: 0000000000000000FFFF00000100007F:0016 00000000000000000000000000000000:0000 0A 0",
	  true, 22 },
	{ "  sl  local_address rem_address   st tx_queue rx_queue tr tm->when retrnsmt", false, 0 },
	{ "   1: 00000000:", false, 0 },
	{ "", false, 0 },
};

START_TEST(lines_of_the_kernel)
{
	const struct line_row *r = &lines[_i];
	unsigned port = 0;
	ck_assert_int_eq(ports_parse(r->line, &port), r->reached);
	if (r->reached)
		ck_assert_uint_eq(port, r->port);
}
END_TEST

static int listen_on(int family, unsigned *ret_port)
{
	struct sockaddr_in6 a = { .sin6_family = (sa_family_t)family };
	socklen_t n = sizeof a;
	int fd = socket(family, SOCK_STREAM | SOCK_CLOEXEC, 0);
	ck_assert_int_ge(fd, 0);
	ck_assert_int_eq(bind(fd, (struct sockaddr *)&a, n), 0);
	ck_assert_int_eq(listen(fd, 1), 0);
	ck_assert_int_eq(getsockname(fd, (struct sockaddr *)&a, &n), 0);
	*ret_port = ntohs(a.sin6_port); /* at the same place in both families */
	return fd;
}

START_TEST(sockets_of_this_process)
{
	static const int families[] = { AF_INET, AF_INET6 };
	unsigned ports[] = { 0, 1 };
	int fd = listen_on(families[_i], &ports[1]);
	ck_assert_uint_eq(ports_answering(ports, 2), ports[1]);
	ck_assert_uint_eq(ports_answering(ports, 1), 0);
	ck_assert_uint_eq(ports_answering(ports + 1, 0), 0);
	close(fd);
	ck_assert_uint_eq(ports_answering(ports, 2), 0);
}
END_TEST

START_TEST(the_first_of_the_list_counts)
{
	unsigned ports[2];
	int a = listen_on(AF_INET, &ports[0]), b = listen_on(AF_INET, &ports[1]);
	ck_assert_uint_eq(ports_answering(ports, 2), ports[0]);
	unsigned turned[] = { ports[1], ports[0] };
	ck_assert_uint_eq(ports_answering(turned, 2), ports[1]);
	close(a);
	close(b);
}
END_TEST

int main(void)
{
	Suite *s = suite_create("ports");
	TCase *t = tcase_create("ports");
	tcase_add_loop_test(t, lines_of_the_kernel, 0, sizeof lines / sizeof *lines);
	tcase_add_loop_test(t, sockets_of_this_process, 0, 2);
	tcase_add_test(t, the_first_of_the_list_counts);
	suite_add_tcase(s, t);
	SRunner *r = srunner_create(s);
	srunner_run_all(r, CK_NORMAL);
	int failed = srunner_ntests_failed(r);
	srunner_free(r);
	return failed ? EXIT_FAILURE : EXIT_SUCCESS;
}
