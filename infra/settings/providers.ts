/** Configuration that belongs to Pulumi and its providers: the keys they read, and which of these must be encrypted. */
interface Namespace {
  /** Undefined: any. */
  readonly keys: readonly string[] | undefined;
  readonly secret: readonly string[];
}

/** By namespace. A test compares the keys with the installed packages'. */
export const NAMESPACES: ReadonlyMap<string, Namespace> = new Map<string, Namespace>([
  [
    "cloudflare",
    {
      keys: ["apiKey", "apiToken", "apiUserServiceKey", "baseUrl", "email", "userAgentOperatorSuffix"],
      secret: ["apiKey", "apiToken", "apiUserServiceKey"],
    },
  ],
  [
    "aws",
    {
      keys: [
        ...[
          "accessKey",
          "allowedAccountIds",
          "assumeRoleWithWebIdentity",
          "assumeRoles",
          "customCaBundle",
          "defaultTags",
        ],
        ...["ec2MetadataServiceEndpoint", "ec2MetadataServiceEndpointMode", "endpoints", "forbiddenAccountIds"],
        ...[
          "httpProxy",
          "httpsProxy",
          "ignoreTags",
          "insecure",
          "maxRetries",
          "noProxy",
          "profile",
          "region",
          "retryMode",
        ],
        ...["s3UsEast1RegionalEndpoint", "s3UsePathStyle", "secretKey", "sharedConfigFiles", "sharedCredentialsFiles"],
        ...["skipCredentialsValidation", "skipMetadataApiCheck", "skipRegionValidation", "skipRequestingAccountId"],
        ...["stsRegion", "tagPolicyCompliance", "token", "tokenBucketRateLimiterCapacity", "useDualstackEndpoint"],
        ...["useFipsEndpoint", "userAgents"],
      ],
      secret: ["accessKey", "secretKey", "token"],
    },
  ],
  [
    "tailscale",
    {
      keys: [
        ...["apiKey", "audience", "baseUrl", "identityToken", "identityTokenEnvironmentVariableName", "oauthClientId"],
        ...["oauthClientSecret", "scopes", "tailnet", "userAgent"],
      ],
      secret: ["apiKey", "identityToken", "oauthClientSecret"],
    },
  ],
  // How far a rotation has come (npm run rotate). The command encrypts what it keeps here.
  ["rotate", { keys: undefined, secret: [] }],
  ["pulumi", { keys: undefined, secret: [] }],
]);
