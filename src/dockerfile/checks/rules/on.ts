import type { AnyInstruction, Violation } from '../types.ts';

/** A violation by a whole instruction. */
export function on(instruction: AnyInstruction, message: string, detail?: string): readonly Violation[] {
  return [{ message, detail, range: instruction.range, owners: [instruction] }];
}
