import { addon } from './addon.ts';

/**
 * Turns off the terminal's own handling of output, which Node's raw mode leaves on: a move down would become one to the
 * next line's beginning. Nothing happens to what is no terminal. Ending the raw mode undoes it.
 */
export function plainOutput(fd: number): void {
  addon().plainOutput(fd);
}
