#include "tally.h"

#include <ctype.h>

void tally_add(struct tally *t, const char *data, size_t n)
{
	for (size_t i = 0; i < n; i++) {
		bool space = isspace((unsigned char)data[i]) != 0;
		t->lines += data[i] == '\n';
		t->words += !space && !t->in_word;
		t->in_word = !space;
	}
	t->bytes += n;
}
