// An API that verifies access tokens with Nimbus JOSE + JWT as in its documentation ("Validating JWT access tokens").

import com.nimbusds.jose.JOSEObjectType;
import com.nimbusds.jose.JWSAlgorithm;
import com.nimbusds.jose.jwk.source.JWKSource;
import com.nimbusds.jose.jwk.source.JWKSourceBuilder;
import com.nimbusds.jose.proc.BadJOSEException;
import com.nimbusds.jose.proc.DefaultJOSEObjectTypeVerifier;
import com.nimbusds.jose.proc.JWSVerificationKeySelector;
import com.nimbusds.jose.proc.SecurityContext;
import com.nimbusds.jose.util.JSONObjectUtils;
import com.nimbusds.jwt.JWTClaimsSet;
import com.nimbusds.jwt.SignedJWT;
import com.nimbusds.jwt.proc.ConfigurableJWTProcessor;
import com.nimbusds.jwt.proc.DefaultJWTClaimsVerifier;
import com.nimbusds.jwt.proc.DefaultJWTProcessor;
import java.net.URI;
import java.nio.charset.StandardCharsets;
import java.util.Map;
import java.util.Set;

public class ApiWithNimbus {
  static final Set<String> CLAIMS = Set.of("sub", "iat", "exp", "scope", "client_id", "jti");

  public static void main(String[] arguments) throws Exception {
    Map<String, Object> told = JSONObjectUtils.parse(new String(System.in.readAllBytes(), StandardCharsets.UTF_8));
    String token = (String) told.get("token");
    String audience = (String) told.get("audience");
    JWTClaimsSet claims = processor(told, audience).process(token, null);
    String refused;
    try {
      processor(told, audience + "/other").process(token, null);
      refused = "";
    } catch (BadJOSEException refusal) {
      refused = refusal.getMessage();
    }
    System.out.println(
        JSONObjectUtils.toJSONString(
            Map.of(
                "claims", claims.toJSONObject(),
                "header", SignedJWT.parse(token).getHeader().toJSONObject(),
                "refused", refused)));
  }

  static ConfigurableJWTProcessor<SecurityContext> processor(Map<String, Object> told, String audience) throws Exception {
    ConfigurableJWTProcessor<SecurityContext> processor = new DefaultJWTProcessor<>();
    processor.setJWSTypeVerifier(new DefaultJOSEObjectTypeVerifier<>(new JOSEObjectType("at+jwt")));
    JWKSource<SecurityContext> keys =
        JWKSourceBuilder.<SecurityContext>create(URI.create((String) told.get("jwks_uri")).toURL()).build();
    JWSAlgorithm algorithm = JWSAlgorithm.parse((String) told.get("algorithm"));
    processor.setJWSKeySelector(new JWSVerificationKeySelector<>(algorithm, keys));
    JWTClaimsSet exact = new JWTClaimsSet.Builder().issuer((String) told.get("issuer")).build();
    processor.setJWTClaimsSetVerifier(new DefaultJWTClaimsVerifier<>(audience, exact, CLAIMS));
    return processor;
  }
}
