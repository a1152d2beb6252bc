/* Counts lines, words and bytes of a stream, as it comes. */
#ifndef TALLY_H
#define TALLY_H

#include <stdbool.h>
#include <stddef.h>

struct tally {
	size_t lines, words, bytes;
	bool in_word;
};

/* Adds n bytes; how the stream is cut makes no difference. */
void tally_add(struct tally *t, const char *data, size_t n);

#endif
