/** Spans of time as people write and read them; the words are those of spawners/form/spans.py. */

/** Minutes of "2:30", "1-12:00" or "90" by the schema's pattern; null where it is none of these. */
export function readMinutes(text: string, pattern: string): number | null {
  const match = new RegExp(pattern, 'u').exec(text);
  if (!match) {
    return null;
  }
  const [days = 0, hours = 0, minutes = 0, seconds = 0, whole = 0] = match.slice(1).map(digits => Number(digits ?? 0));
  return days * 1440 + hours * 60 + minutes + seconds / 60 + whole;
}

/** "2:30", as the walltime field takes it. */
export function asHours(minutes: number): string {
  const whole = Math.floor(minutes);
  return `${Math.floor(whole / 60)}:${String(whole % 60).padStart(2, '0')}`;
}

/** In the two units that matter: 3 d 4 h, 5 h 12 min, 40 s. */
export function duration(length: number): string {
  const seconds = Math.max(Math.floor(length), 0);
  const days = Math.floor(seconds / 86400);
  const hours = Math.floor(seconds / 3600) % 24;
  const minutes = Math.floor(seconds / 60) % 60;
  if (days) {
    return hours ? `${days} d ${hours} h` : `${days} d`;
  }
  if (hours) {
    return minutes ? `${hours} h ${minutes} min` : `${hours} h`;
  }
  return minutes ? `${minutes} min` : `${seconds} s`;
}
