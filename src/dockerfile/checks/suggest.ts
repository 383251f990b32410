import { nearestName } from '../../core/index.ts';

/** The known name that is most likely meant. */
export type Suggest = (name: string, known: Iterable<string>) => string | undefined;

/** Whoever has more findings than this does not read them all, and comparing names is what takes the time. */
const maxSuggestions = 100;

/** For one run of the checks. */
export function makeSuggest(): Suggest {
  let left = maxSuggestions;
  return (name, known) => {
    // Every short name is close to some other.
    if (name.length < 3 || left === 0) return undefined;
    left--;
    return nearestName(name, known);
  };
}
