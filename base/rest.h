/* What a process gives back before it waits for long. */
#ifndef BASE_REST_H
#define BASE_REST_H

/*
 * Whole free pages of the heap, and the pages of the stack below the caller's frames, go back to the
 * kernel; they come again, zeroed, when they are touched. Costs some microseconds: for a process that
 * has just done much and will now do little, not for every turn of a loop.
 */
void rest(void);

#endif
