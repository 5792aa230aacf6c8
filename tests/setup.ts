/** Before each test file: what is in the checkout's own stack files is the owner's, and no test depends on it. */
import { useDocumentedStack } from "../infra/settings/stack-file";

useDocumentedStack();
