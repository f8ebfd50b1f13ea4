// What the one-word values of events mean.

// triggers say why a refresh was made.
export const triggers = {
  start: "at the start", due: "due", changed: "announced by the source", refused: "after a refused login", asked: "asked for",
};

// attempts are what is asked of a source.
export const attempts = {
  fetch: "fetch a credential", renew: "renew the lease", alternates: "ask for alternates", retire: "give a credential back",
};
