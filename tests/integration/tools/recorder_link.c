/*
 * recorder-link STATE ADDRESS: the supervisor's side of the recorder with nothing around it. A word a
 * line on standard input: "job NAME" tells of one that ended, "flood" tells more than a socket holds.
 * "begun" goes to standard output each time a recorder has begun, "told" after each word. Ends at the
 * end of its input.
 */
#include "base/fd.h"
#include "base/proc.h"
#include "base/str.h"
#include "runner/recorder_link.h"

#include <fcntl.h>
#include <limits.h>
#include <stdio.h>
#include <stdlib.h>
#include <string.h>
#include <sys/epoll.h>

enum { ID_BASE = 1879048192, FLOOD = 5000 };

static struct recorder_link *link_;
static bool over;

static void begun(void *arg)
{
	(void)arg;
	printf("begun\n");
	fflush(stdout);
}

static void job(const char *name)
{
	struct recorder_job_ended j = {
		.name = name, .state = "success", .fault = "none", .timed = 1U << PHASES
	};
	recorder_tell(link_, RECORDER_JOB_ENDED, &j);
}

static void input(struct source *s, uint32_t events)
{
	char line[256];
	(void)events;
	ssize_t n = read(s->fd, line, sizeof line - 1);
	if (n <= 0) {
		over = true;
		return;
	}
	line[strcspn(line, "\n")] = '\0';
	line[n] = '\0';
	for (unsigned i = 0; strcmp(line, "flood") == 0 && i < FLOOD; i++)
		recorder_tell_count(link_, "courser_jobs_started_total", "", 1);
	if (str_starts(line, "job "))
		job(line + 4);
	recorder_tell_gauge(link_, "courser_slots", "", 4);
	printf("told\n");
	fflush(stdout);
}

/* The roles are beside the directory that this program is in. */
static int roles(const char *self)
{
	char path[PATH_MAX];
	snprintf(path, sizeof path, "%s", self);
	char *slash = strrchr(path, '/');
	snprintf(slash, sizeof path - (size_t)(slash - path), "/..");
	return open(path, O_PATH | O_DIRECTORY | O_CLOEXEC);
}

int main(int argc, char **argv)
{
	int status = 0;
	struct err e = { 0 };
	struct priv priv;
	struct source in = { STDIN_FILENO, input };
	if (argc != 3)
		return 64;
	struct loop *l = loop_new(&e);
	if (!l || priv_init(&priv, ID_BASE, 1, &e) < 0)
		return 64;
	struct recorder_link_options o = {
		.loop = l,
		.libexec = roles(argv[0]),
		.state = open(argv[1], O_RDONLY | O_DIRECTORY | O_CLOEXEC),
		.priv = &priv,
		.listen = argv[2],
		.begun = begun,
	};
	link_ = recorder_link_open(&o, &e);
	if (!link_ || loop_watch(l, &in, EPOLLIN, &e) < 0 || loop_until(l, &over, &e) < 0) {
		fprintf(stderr, "recorder-link: %s\n", e.msg);
		status = 1;
	}
	if (link_)
		recorder_link_close(link_);
	loop_free(l);
	return status;
}
