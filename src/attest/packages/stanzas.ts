/**
 * The stanzas of a text in the manner of deb822(5): `Name: value` lines, parted by empty lines. Lines that continue a
 * value are left out, as no field that is asked for has any.
 */
export function* stanzas(text: string, separator = /:[ \t]*/): Generator<ReadonlyMap<string, string>, void> {
  let stanza = new Map<string, string>();
  for (const line of text.split('\n')) {
    if (line.trim() === '') {
      if (stanza.size > 0) yield stanza;
      stanza = new Map();
      continue;
    }
    if (/^[ \t]/.test(line)) continue;
    const found = separator.exec(line);
    // The first one counts, as with dpkg: a second would be an error there.
    if (found === null || found.index === 0) continue;
    const name = line.slice(0, found.index);
    if (!stanza.has(name)) stanza.set(name, line.slice(found.index + found[0].length));
  }
  if (stanza.size > 0) yield stanza;
}
