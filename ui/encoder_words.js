// What both pages of encoders say of one.
import { badge } from "./dom.js";

// What it takes, as a person would say it.
export function takes_of(encoder) {
  const pictures = encoder.heads.some((head) => head.images), words = encoder.heads.some((head) => head.texts);
  const both = encoder.heads.some((head) => head.images && head.texts);
  if (both) return "pictures, and words that find them";
  return pictures && words ? "pictures; words" : pictures ? "pictures" : words ? "words" : "nothing";
}

export const users_of = (encoder, collections) => collections.filter((one) => one.encoder === encoder.name);

export function badges_of(encoder) {
  return [encoder.default ? badge("default", "accent") : null, badge(encoder.ready ? "ready" : "no weights here", encoder.ready ? "good" : "watch"),
    encoder.added ? badge("added here", "none") : null].filter(Boolean);
}
