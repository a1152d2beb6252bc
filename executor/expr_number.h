/* Numbers of expressions: IEEE doubles, read and written as .NET does. */
#ifndef EXECUTOR_EXPR_NUMBER_H
#define EXECUTOR_EXPR_NUMBER_H

#include <stddef.h>

/*
 * What s[0..n) is as a number, white space around it not counted: "" is 0, decimal with sign, point
 * and exponent, 0x and 0o of 32 bits (0xffffffff is -1, as in the runner), Infinity with a sign or
 * none, in any case. NaN when it is none.
 */
double expr_number_parse(const char *s, size_t n) __attribute__((nonnull));

/* d as text into out: 15 significant digits ("G15"): 1, 0.5, 1E+15, 1E-05, -0, NaN, Infinity. Its
 * length. */
enum { EXPR_NUMBER_TEXT = 32 };
size_t expr_number_text(double d, char out[EXPR_NUMBER_TEXT]) __attribute__((nonnull));

#endif
