import { ApiError, type ApiFailure } from "./errors.ts";

/** The code of a failed system call, such as `ENOENT`. */
export function codeOf(error: unknown): string | undefined {
  return error instanceof Error && "code" in error && typeof error.code === "string" ? error.code : undefined;
}

/** What a person can do about a failed system call, and whether a later try may succeed by itself. */
const MEANINGS: Readonly<Record<string, readonly [failure: ApiFailure, answer: string, hint: string]>> = {
  ENOENT: ["unavailable", "no such file or folder", "Create the folder, or set the path of the right one."],
  ENOTDIR: ["unavailable", "not a folder", "Set the path of a folder."],
  EACCES: ["unauthorized", "permission denied", "Run dd-observe as a user who may write there."],
  EPERM: ["unauthorized", "operation not permitted", "Run dd-observe as a user who may write there."],
  EROFS: ["unauthorized", "read-only file system", "Mount the folder so that dd-observe may write there."],
  ENOSPC: ["unavailable", "no space left on the device", "Free some space; dd-observe tries again."],
  EDQUOT: ["unavailable", "disk quota exceeded", "Free some space; dd-observe tries again."],
  EMFILE: ["unavailable", "too many open files", "Raise the limit of open files (ulimit -n)."],
  ENAMETOOLONG: ["rejected", "the name is too long", "Choose a shorter name."],
  ELOOP: [
    "conflict",
    "a symbolic link stands there",
    "Replace the link by a real file or folder; dd-observe doesn't follow links.",
  ],
};

/**
 * Puts a failed system call in words.
 *
 * @param tried What was tried and on what, without "cannot": `write /etc/…/dd-observe-ray.yaml`.
 */
export function fileError(tried: string, error: unknown): ApiError {
  if (error instanceof ApiError) return error;
  const code = codeOf(error);
  const meaning = code === undefined ? undefined : MEANINGS[code];
  if (code === undefined || meaning === undefined) {
    const answer = error instanceof Error ? error.message : String(error);
    return new ApiError(tried, answer, { failure: "unavailable", cause: error });
  }
  const [failure, answer, hint] = meaning;
  return new ApiError(tried, `${answer} (${code})`, { failure, hint, cause: error });
}
