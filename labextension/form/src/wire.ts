/** What the hub answers about the form, as spawners/form/live.py and hub_ext/live/judge.py write it. */

export interface ICard {
  value: string;
  title: string;
  facts: string[];
  badge: string;
  tone: string;
  until: string | null;
  until_words: string;
  usable: boolean;
}

export interface IReservation {
  name: string;
  starts_in_seconds: number;
  ends_in_seconds: number;
  nodes: number;
  free_nodes: number | null;
}

/** A JSON Schema with the two keywords of spawners/form/schema.py. */
export interface ISchema {
  [keyword: string]: unknown;
  properties?: Record<string, ISchema>;
  errorMessage?: Record<string, string | Record<string, string>>;
  writtenAs?: string;
}

export interface ILive {
  notices: string[];
  cards: Record<string, ICard[]>;
  reservations: IReservation[];
  schema: ISchema;
}

/** One line of what a request comes to. */
export interface IFact {
  label: string;
  words: string;
  time: string | null;
}

/** What the hub would do with some choices: refuse a field, or submit this. */
export interface IJudgement {
  refusal: IRefusal | null;
  facts: IFact[];
  submission: string;
}

/** Why a field's choice cannot be granted. */
export interface IRefusal {
  field: string;
  reason: string;
}

/** The chosen fields in normal form: spawners/form/answer.py says the same. */
export type Answer = Record<string, string | number>;
