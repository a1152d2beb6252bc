#include "sandbox/ports.h"

#include "base/fd.h"

#include <fcntl.h>
#include <stdlib.h>
#include <string.h>
#include <unistd.h>

enum { READ = 4096, LINE = 256 };

/* Addresses as the kernel writes them: of IPv4, and of IPv6 sockets that take IPv4 too. */
static const char *const reachable[] = {
	"00000000:",
	"0100007F:",
	"00000000000000000000000000000000:",
	"0000000000000000FFFF000000000000:",
	"0000000000000000FFFF00000100007F:",
};

bool ports_parse(const char *line, unsigned *ret_port)
{
	static const char listening[] = " 0A ";
	const char *local = strstr(line, ": ");
	for (size_t i = 0; local && i < sizeof reachable / sizeof *reachable; i++) {
		size_t n = strlen(reachable[i]);
		if (strncmp(local + 2, reachable[i], n) != 0)
			continue;
		char *end;
		*ret_port = (unsigned)strtoul(local + 2 + n, &end, 16);
		const char *state = *end == ' ' ? strchr(end + 1, ' ') : NULL;
		return state && strncmp(state, listening, sizeof listening - 1) == 0;
	}
	return false;
}

/* Whether the line is of a port earlier in the list than *best, which it becomes then. */
static void look(const char *line, const unsigned *ports, size_t *best)
{
	unsigned port;
	if (!ports_parse(line, &port))
		return;
	for (size_t i = 0; i < *best; i++)
		if (ports[i] == port)
			*best = i;
}

/* Line by line, without a heap. */
static void look_in(const char *path, const unsigned *ports, size_t *best)
{
	char text[READ], line[LINE];
	size_t at = 0;
	ssize_t n;
	autofd fd = open(path, O_RDONLY | O_CLOEXEC);
	while (fd >= 0 && (n = read(fd, text, sizeof text)) > 0)
		for (ssize_t i = 0; i < n; i++) {
			if (text[i] != '\n' && at < LINE - 1)
				line[at++] = text[i];
			if (text[i] != '\n')
				continue;
			line[at] = '\0';
			look(line, ports, best);
			at = 0;
		}
}

unsigned ports_answering(const unsigned *ports, size_t n)
{
	size_t best = n;
	look_in("/proc/net/tcp", ports, &best);
	look_in("/proc/net/tcp6", ports, &best);
	return best < n ? ports[best] : 0;
}
