/* Every text at every cut must give the same counts. */
#include "tally.h"

#include <stdio.h>
#include <string.h>

static const struct {
	const char *text;
	size_t lines, words;
} cases[] = {
	{ "", 0, 0 },
	{ "one", 0, 1 },
	{ "one two\n", 1, 2 },
	{ "  leading and trailing  \n\n", 2, 3 },
	{ "tabs\tand\nnewlines\n", 2, 3 },
};

static int check(size_t which, size_t cut)
{
	struct tally t = { 0 };
	const char *text = cases[which].text;
	tally_add(&t, text, cut);
	tally_add(&t, text + cut, strlen(text) - cut);
	if (t.lines == cases[which].lines && t.words == cases[which].words)
		return 0;
	printf("not ok: case %zu cut at %zu: %zu lines, %zu words\n", which, cut, t.lines, t.words);
	return 1;
}

int main(void)
{
	size_t bad = 0, done = 0;
	for (size_t i = 0; i < sizeof cases / sizeof *cases; i++)
		for (size_t cut = 0; cut <= strlen(cases[i].text); cut++, done++)
			bad += (size_t)check(i, cut);
	printf("%zu checks, %zu failed\n", done, bad);
	return bad ? 1 : 0;
}
